//! `tokenizers::Tokenizer`: text to ids with byte offsets, and back.

use crate::{guarded, text};
use std::ffi::{c_char, CString};
use tokenizers::Tokenizer;

/// Ids and, for each, the byte of the text where it begins.
pub struct Encoded {
    ids: Vec<u32>,
    begins: Vec<u32>,
}

#[no_mangle]
pub unsafe extern "C" fn strata_tokenizer_open(
    path: *const u8,
    length: usize,
    error: *mut *mut c_char,
) -> *mut Tokenizer {
    guarded(error, std::ptr::null_mut(), || {
        let mut tokenizer = Tokenizer::from_file(text(path, length)?).map_err(|e| e.to_string())?;
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
    error: *mut *mut c_char,
) -> *mut Encoded {
    guarded(error, std::ptr::null_mut(), || {
        let encoding = (*tokenizer).encode(text(data, length)?, true).map_err(|e| e.to_string())?;
        let begins = encoding.get_offsets().iter().map(|offset| offset.0 as u32).collect();
        let ids = encoding.get_ids().to_vec();
        Ok(Box::into_raw(Box::new(Encoded { ids, begins })))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_encoded_view(
    encoded: *const Encoded,
    ids: *mut *const u32,
    begins: *mut *const u32,
) -> usize {
    *ids = (*encoded).ids.as_ptr();
    *begins = (*encoded).begins.as_ptr();
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
    error: *mut *mut c_char,
) -> *mut c_char {
    guarded(error, std::ptr::null_mut(), || {
        let ids = if count == 0 { &[] } else { std::slice::from_raw_parts(ids, count) };
        let decoded = (*tokenizer).decode(ids, true).map_err(|e| e.to_string())?;
        Ok(CString::new(decoded.replace('\0', "\u{fffd}")).unwrap_or_default().into_raw())
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
