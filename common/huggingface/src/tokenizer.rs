//! `tokenizers::Tokenizer`: text to ids with byte offsets, and back.

use crate::{c_text, guarded, slice, text};
use serde_json::Value;
use std::ffi::c_char;
use tokenizers::Tokenizer;

/// Ids and, for each, the bytes of the text where it begins and ends.
pub struct Encoded {
    ids: Vec<u32>,
    begins: Vec<u32>,
    ends: Vec<u32>,
}

/// Sets every `trim_offsets` of the post-processor to false: trimmed, a token that begins with the prompt's last space
/// would seem to begin behind it.
fn keep_offsets(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if name == "trim_offsets" {
                    *value = Value::Bool(false);
                }
                keep_offsets(value);
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(keep_offsets),
        _ => {}
    }
}

#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_open(
    path: *const u8,
    length: usize,
    error: *mut *mut c_char,
) -> *mut Tokenizer {
    guarded(error, std::ptr::null_mut(), || {
        let file = std::fs::read(text(path, length)?).map_err(|e| e.to_string())?;
        let mut json: Value = serde_json::from_slice(&file).map_err(|e| e.to_string())?;
        if let Some(post_processor) = json.get_mut("post_processor") {
            keep_offsets(post_processor);
        }
        let mut tokenizer: Tokenizer = serde_json::from_value(json).map_err(|e| e.to_string())?;
        // Length and padding are the caller's business, whatever the file says.
        tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
        tokenizer.with_padding(None);
        Ok(Box::into_raw(Box::new(tokenizer)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_free(tokenizer: *mut Tokenizer) {
    drop(Box::from_raw(tokenizer));
}

#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_encode(
    tokenizer: *const Tokenizer,
    data: *const u8,
    length: usize,
    add_special: bool,
    error: *mut *mut c_char,
) -> *mut Encoded {
    guarded(error, std::ptr::null_mut(), || {
        let encoding = (*tokenizer).encode(text(data, length)?, add_special).map_err(|e| e.to_string())?;
        let begins = encoding.get_offsets().iter().map(|offset| offset.0 as u32).collect();
        let ends = encoding.get_offsets().iter().map(|offset| offset.1 as u32).collect();
        let ids = encoding.get_ids().to_vec();
        Ok(Box::into_raw(Box::new(Encoded { ids, begins, ends })))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_encoded_view(
    encoded: *const Encoded,
    ids: *mut *const u32,
    begins: *mut *const u32,
    ends: *mut *const u32,
) -> usize {
    *ids = (*encoded).ids.as_ptr();
    *begins = (*encoded).begins.as_ptr();
    *ends = (*encoded).ends.as_ptr();
    (*encoded).ids.len()
}

#[no_mangle]
pub unsafe extern "C" fn strata_encoded_free(encoded: *mut Encoded) {
    drop(Box::from_raw(encoded));
}

#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_decode(
    tokenizer: *const Tokenizer,
    ids: *const u32,
    count: usize,
    with_special: bool,
    error: *mut *mut c_char,
) -> *mut c_char {
    guarded(error, std::ptr::null_mut(), || {
        let decoded = (*tokenizer).decode(slice(ids, count), !with_special).map_err(|e| e.to_string())?;
        Ok(c_text(&decoded))
    })
}

/// -1 when the vocabulary has no such token.
#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_id(
    tokenizer: *const Tokenizer,
    token: *const u8,
    length: usize,
) -> i64 {
    text(token, length)
        .ok()
        .and_then(|token| (*tokenizer).token_to_id(token))
        .map_or(-1, i64::from)
}

/// The token of an id, as the vocabulary writes it; null without an error when there is none.
#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_token(tokenizer: *const Tokenizer, id: u32) -> *mut c_char {
    (*tokenizer).id_to_token(id).map_or(std::ptr::null_mut(), |token| c_text(&token))
}

/// Whether the id was added to the model's vocabulary, so that a text's look-alike of it is the token itself.
#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_is_added(tokenizer: *const Tokenizer, id: u32) -> bool {
    (*tokenizer).get_added_tokens_decoder().contains_key(&id)
}

/// How many ids there are, added tokens included.
#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_size(tokenizer: *const Tokenizer) -> usize {
    (*tokenizer).get_vocab_size(true)
}
