//! Hugging Face's `tokenizers` and `safetensors` and the `minijinja` template engine behind a C interface.
//!
//! Every function catches panics at its edge and reports failure through `error`, a string that the caller frees with
//! `strata_free_text`. Pointers that are handed out stay valid until their own free function is called.

mod chat_template;
mod safetensors_file;
mod tokenizer;

use std::ffi::{c_char, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs `body`; on an error or a panic sets `*error` and gives `otherwise`.
pub(crate) fn guarded<T>(
    error: *mut *mut c_char,
    otherwise: T,
    body: impl FnOnce() -> Result<T, String>,
) -> T {
    let message = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => return value,
        Ok(Err(message)) => message,
        Err(_) => "the library panicked".to_string(),
    };
    let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    unsafe { *error = text.into_raw() };
    otherwise
}

/// The bytes at `data`, which are the caller's.
pub(crate) unsafe fn bytes<'a>(data: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, length)
    }
}

pub(crate) unsafe fn text<'a>(data: *const u8, length: usize) -> Result<&'a str, String> {
    std::str::from_utf8(bytes(data, length)).map_err(|e| e.to_string())
}

#[no_mangle]
pub unsafe extern "C" fn strata_free_text(text: *mut c_char) {
    if !text.is_null() {
        drop(CString::from_raw(text));
    }
}
