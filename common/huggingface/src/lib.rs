//! Hugging Face's `tokenizers` and `safetensors` and the `minijinja` template engine behind a C interface.
//!
//! Every function catches panics at its edge and reports failure through `error`, a string that the caller frees with
//! `strata_free_text`. Pointers that are handed out stay valid until their own free function is called.

mod chat_template;
mod memory_bound;
mod python_filters;
mod python_methods;
mod python_padding;
mod python_tuple;
mod python_values;
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
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            format!("the library panicked: {words}")
        }
    };
    unsafe { *error = c_text(&message) };
    otherwise
}

/// The `length` values at `data`, which are the caller's; none may be at null.
pub(crate) unsafe fn slice<'a, T>(data: *const T, length: usize) -> &'a [T] {
    if length == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, length)
    }
}

/// A string for the caller to free; a NUL within becomes U+FFFD.
pub(crate) fn c_text(text: &str) -> *mut c_char {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default().into_raw()
}

pub(crate) unsafe fn text<'a>(data: *const u8, length: usize) -> Result<&'a str, String> {
    std::str::from_utf8(slice(data, length)).map_err(|e| e.to_string())
}

#[no_mangle]
pub unsafe extern "C" fn strata_free_text(text: *mut c_char) {
    if !text.is_null() {
        drop(CString::from_raw(text));
    }
}
