// Declares the C interface of the crate (src/*.rs). Included by the .cc files of this folder alone.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
void strata_free_text(char* text);

struct StrataTokenizer;
struct StrataEncoded;
StrataTokenizer* strata_tokenizer_open(const char* path, size_t length, char** error);
void strata_tokenizer_free(StrataTokenizer* tokenizer);
StrataEncoded* strata_tokenizer_encode(const StrataTokenizer* tokenizer, const char* text,
                                       size_t length, bool add_special, char** error);
size_t strata_encoded_view(const StrataEncoded* encoded, const uint32_t** ids,
                           const uint32_t** begins, const uint32_t** ends);
void strata_encoded_free(StrataEncoded* encoded);
char* strata_tokenizer_decode(const StrataTokenizer* tokenizer, const uint32_t* ids, size_t count,
                              bool with_special, char** error);
int64_t strata_tokenizer_id(const StrataTokenizer* tokenizer, const char* token, size_t length);
char* strata_tokenizer_token(const StrataTokenizer* tokenizer, uint32_t id);
bool strata_tokenizer_is_added(const StrataTokenizer* tokenizer, uint32_t id);
size_t strata_tokenizer_size(const StrataTokenizer* tokenizer);

struct StrataHeader;
struct StrataTensorPlace {
  const char* name;
  size_t name_length;
  const char* dtype;
  size_t dtype_length;
  const uint64_t* shape;
  size_t dimensions;
  uint64_t begin, length;
};
struct StrataMatrix {
  const char* name;
  size_t name_length;
  uint64_t rows, columns;
  const void* values;
};
struct StrataBytes;
StrataHeader* strata_safetensors_open(const void* data, size_t length, char** error);
size_t strata_safetensors_count(const StrataHeader* header);
StrataTensorPlace strata_safetensors_at(const StrataHeader* header, size_t index);
void strata_safetensors_free(StrataHeader* header);
StrataBytes* strata_safetensors_write(const StrataMatrix* matrices, size_t count, char** error);
const char* strata_bytes_view(const StrataBytes* bytes, size_t* length);
void strata_bytes_free(StrataBytes* bytes);

struct StrataTemplate;
StrataTemplate* strata_template_open(const char* source, size_t length, char** error);
struct StrataRendered;
void strata_template_free(StrataTemplate* chat_template);
bool strata_template_marks_generation(const StrataTemplate* chat_template);
StrataRendered* strata_template_render(const StrataTemplate* chat_template, const char* json,
                                       size_t length, bool generation_prompt, char** error);
size_t strata_rendered_view(const StrataRendered* rendered, const char** text, size_t* length,
                            const uint32_t** generated);
void strata_rendered_free(StrataRendered* rendered);
}

#include <string>

namespace strata {

// Takes a string that the crate gave and frees it.
inline std::string TakeText(char* text) {
  std::string taken = text != nullptr ? text : "";
  strata_free_text(text);
  return taken;
}

}  // namespace strata
