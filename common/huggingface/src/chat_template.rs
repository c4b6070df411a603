//! `minijinja`: renders a conversation as transformers renders a chat template.

use crate::{guarded, text};
use minijinja::{context, Environment, Value};
use std::ffi::{c_char, CString};

const NAME: &str = "chat_template";

fn raise_exception(message: String) -> Result<String, minijinja::Error> {
    Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message))
}

#[no_mangle]
pub unsafe extern "C" fn strata_template_open(
    source: *const u8,
    length: usize,
    error: *mut *mut c_char,
) -> *mut Environment<'static> {
    guarded(error, std::ptr::null_mut(), || {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment
            .add_template_owned(NAME, text(source, length)?.to_string())
            .map_err(|e| e.to_string())?;
        Ok(Box::into_raw(Box::new(environment)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_template_free(environment: *mut Environment<'static>) {
    drop(Box::from_raw(environment));
}

/// `conversation` is the JSON of the template's variables; `messages` is one of them.
#[no_mangle]
pub unsafe extern "C" fn strata_template_render(
    environment: *const Environment<'static>,
    conversation: *const u8,
    length: usize,
    generation_prompt: bool,
    error: *mut *mut c_char,
) -> *mut c_char {
    guarded(error, std::ptr::null_mut(), || {
        let variables: serde_json::Value =
            serde_json::from_str(text(conversation, length)?).map_err(|e| e.to_string())?;
        let template = (*environment).get_template(NAME).map_err(|e| e.to_string())?;
        let rendered = template
            .render(context! { add_generation_prompt => generation_prompt, ..Value::from_serialize(&variables) })
            .map_err(|e| e.to_string())?;
        CString::new(rendered).map(CString::into_raw).map_err(|_| "the rendered text holds a NUL".to_string())
    })
}
