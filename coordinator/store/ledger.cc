#include "coordinator/store/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace strata {
namespace {

constexpr int64_t kFormat = 1;
constexpr uint64_t kLedgerBytesMax = uint64_t{1} << 30;
constexpr std::string_view kHashKey = ",\"hash\":\"";
constexpr size_t kHashBytes = 64;
constexpr size_t kTailBytes = kHashKey.size() + kHashBytes + 2;  // …,"hash":"<64>"}

absl::Status Broken(const std::filesystem::path& file, size_t line, absl::string_view why) {
  // A run's journal is such a file too; what to do about it is said by who goes on with the run.
  const bool ledger = file.filename() != "journal.jsonl";
  return absl::DataLossError(absl::StrCat(ledger ? "the ledger" : "its journal", " is damaged at ",
                                          file.string(), ":", line, ": ", why,
                                          ledger ? "; put a good copy of it back" : ""));
}

// The hash that a line carries, or why it cannot be right.
absl::StatusOr<std::string> CheckedHash(std::string_view line) {
  if (line.size() <= kTailBytes) return absl::DataLossError("the line is too short");
  const std::string_view signed_part = line.substr(0, line.size() - kTailBytes);
  const std::string_view tail = line.substr(signed_part.size());
  const std::string hash(tail.substr(kHashKey.size(), kHashBytes));
  if (tail.substr(0, kHashKey.size()) != kHashKey || Sha256Of(signed_part).Hex() != hash) {
    return absl::DataLossError("the line is not what was written (its hash differs)");
  }
  return hash;
}

absl::StatusOr<LedgerEvent> ParseEvent(std::string_view line, uint64_t seq,
                                       const std::string& prev) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(line, "the line"));
  ASSIGN_OR_RETURN(const int64_t format, JsonInteger(json, "format", "the line"));
  if (format != kFormat) {
    return absl::DataLossError(
        absl::StrCat("its format is ", format, "; this strata reads format ", kFormat));
  }
  ASSIGN_OR_RETURN(const std::string linked, JsonString(json, "prev", "the line"));
  ASSIGN_OR_RETURN(const int64_t number, JsonInteger(json, "seq", "the line"));
  if (linked != prev || static_cast<uint64_t>(number) != seq) {
    return absl::DataLossError("it does not follow the line before it");
  }
  LedgerEvent event;
  event.seq = seq;
  ASSIGN_OR_RETURN(event.kind, JsonString(json, "kind", "the line"));
  ASSIGN_OR_RETURN(event.time, JsonString(json, "time", "the line"));
  ASSIGN_OR_RETURN(const Json* body, JsonNested(json, "body", "the line"));
  event.body = *body;
  return event;
}

// *hash is that of the line before, then of this one.
std::string LineOf(const LedgerEvent& event, std::string* hash) {
  const Json json = {{"format", kFormat},  {"seq", event.seq},   {"prev", *hash},
                     {"kind", event.kind}, {"time", event.time}, {"body", event.body}};
  std::string line = DumpJson(json);
  line.pop_back();
  *hash = Sha256Of(line).Hex();
  line += absl::StrCat(absl::string_view(kHashKey.data(), kHashKey.size()), *hash, "\"}\n");
  return line;
}

}  // namespace

std::string Ledger::Text(const std::vector<LedgerEvent>& events) {
  std::string text, hash(kHashBytes, '0');
  for (const LedgerEvent& event : events) text += LineOf(event, &hash);
  return text;
}

absl::StatusOr<Ledger> Ledger::Read(const std::filesystem::path& file) {
  Ledger ledger;
  ledger.file_ = file;
  ledger.last_hash_ = std::string(kHashBytes, '0');
  const absl::StatusOr<std::string> text = ReadFile(file, kLedgerBytesMax);
  if (absl::IsNotFound(text.status())) return ledger;
  if (!text.ok()) return text.status();
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const size_t number = ledger.events_.size() + 1;
    const std::string_view line = rest.substr(0, end);
    absl::StatusOr<std::string> hash = CheckedHash(line);
    absl::StatusOr<LedgerEvent> event =
        hash.ok() ? ParseEvent(line, number, ledger.last_hash_) : hash.status();
    if (!event.ok()) {
      ledger.damage_ = Broken(file, number, event.status().message());
      return ledger;
    }
    ledger.events_.push_back(*std::move(event));
    ledger.last_hash_ = *hash;
    ledger.whole_bytes_ += end + 1;
    rest.remove_prefix(end + 1);
  }
  const size_t compared = std::min(text->size(), kTailBytes + 1 + rest.size());
  ledger.end_ = {text->size(), text->substr(text->size() - compared)};
  return ledger;
}

absl::Status Ledger::Append(FileSystem* files, const std::string& kind, const std::string& time,
                            Json body) {
  RETURN_IF_ERROR(damage_);
  RETURN_IF_ERROR(failure_);
  if (end_.bytes > whole_bytes_) {
    failure_ = files->TruncateDurably(file_, whole_bytes_, &end_);
    RETURN_IF_ERROR(failure_);
    end_.last.resize(end_.last.size() - (end_.bytes - whole_bytes_));
    end_.bytes = whole_bytes_;
  }
  const uint64_t seq = events_.size() + 1;
  std::string hash = last_hash_;
  const std::string line = LineOf({seq, kind, time, body}, &hash);
  failure_ = files->AppendDurably(file_, line, &end_);
  RETURN_IF_ERROR(failure_);
  events_.push_back({seq, kind, time, std::move(body)});
  last_hash_ = hash;
  whole_bytes_ += line.size();
  end_ = {whole_bytes_, line.substr(line.size() - kTailBytes - 1)};
  return absl::OkStatus();
}

}  // namespace strata
