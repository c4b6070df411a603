//! `minijinja`: renders a conversation as transformers renders a chat template.

use crate::{guarded, memory_bound, python_filters, python_methods, python_padding, python_values, text};
use minijinja::{context, Environment, ErrorKind, State, Value};
use std::ffi::c_char;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = "chat_template";

// What `{% generation %}` … `{% endgeneration %}` leave around what they enclose while it is rendered: noncharacters,
// which no text is to hold.
const GENERATION: &str = "strata_generation";
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

// Steps of the engine and bytes of the text that one rendering may take.
const FUEL: u64 = 50_000_000;
const BYTES_MAX: usize = 64 << 20;

/// A compiled template.
pub struct Template {
    environment: Environment<'static>,
    marks_generation: bool,
    // Whether a rendering asked for too much memory: what it held stays held, so there is no second one.
    exceeds: AtomicBool,
}

/// A rendered conversation, and the bytes of it that lie within marks of generation.
pub struct Rendered {
    text: String,
    generated: Vec<[u32; 2]>,
}

fn raise_exception(message: String) -> Result<String, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

/// As Python's `datetime.now().strftime(format)`.
fn strftime_now(format: String) -> Result<String, minijinja::Error> {
    let refuse = |why: &str| minijinja::Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {why}"));
    let format = std::ffi::CString::new(format).map_err(|_| refuse("a NUL in the format"))?;
    let mut buffer = [0u8; 1024];
    let length = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut parts: libc::tm = std::mem::zeroed();
        libc::localtime_r(&now, &mut parts);
        libc::strftime(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), &parts)
    };
    String::from_utf8(buffer[..length].to_vec()).map_err(|_| refuse("not UTF-8"))
}

/// The name within a block tag that begins at `rest`, where it lies, when it is one of ours.
fn generation_tag(rest: &str) -> Option<(&'static str, std::ops::Range<usize>)> {
    let tag = &rest[..rest.find("%}")?];
    let inner = tag.strip_prefix("{%")?;
    let name = inner.trim_start_matches(['-', '+']).trim_start();
    let begin = tag.len() - name.len();
    let name = name.trim_end_matches(['-', '+']).trim_end();
    match name {
        "generation" => Some(("filter ", begin..begin + name.len())),
        "endgeneration" => Some(("endfilter", begin..begin + name.len())),
        _ => None,
    }
}

/// The source as Jinja's lexer takes it (newlines made one kind, the last dropped), with the marks of generation made
/// filters, and whether there are any.
fn prepared(source: &str) -> (String, bool) {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut rest = source.strip_suffix('\n').unwrap_or(&source);
    let (mut made, mut marks) = (String::with_capacity(rest.len()), false);
    while let Some(at) = rest.find("{%") {
        made.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut taken = 2;
        if let Some((tag, name)) = generation_tag(rest) {
            made.push_str(&rest[..name.start]);
            made.push_str(tag);
            if tag == "filter " {
                made.push_str(GENERATION);
                marks = true;
            }
            taken = name.end;
        } else {
            made.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    made.push_str(rest);
    (made, marks)
}

fn words(error: minijinja::Error) -> String {
    let limit = format!("takes more than {FUEL} steps: does a loop of it never end?");
    let reason = if error.kind() == ErrorKind::OutOfFuel { limit } else { error.to_string() };
    match std::error::Error::source(&error) {
        Some(cause) if error.kind() != ErrorKind::OutOfFuel => format!("{reason}: {cause}"),
        _ => reason,
    }
}

/// Takes what is rendered, up to `BYTES_MAX`.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES_MAX {
            return Err(std::io::Error::other(format!("renders more than {} MiB", BYTES_MAX >> 20)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes the marks out of a rendered text.
fn unmarked(marked: String) -> Rendered {
    let mut rendered = Rendered { text: String::with_capacity(marked.len()), generated: Vec::new() };
    for character in marked.chars() {
        let at = rendered.text.len() as u32;
        match character {
            BEGIN => rendered.generated.push([at, at]),
            END => rendered.generated.last_mut().into_iter().for_each(|span| span[1] = at),
            _ => rendered.text.push(character),
        }
    }
    rendered.generated.retain(|span| span[0] < span[1]);
    rendered
}

fn too_much_memory() -> String {
    let most = memory_bound::HELD_BYTES_MAX >> 20;
    format!("needs more than {most} MiB of memory: does a loop of it double a text, or a width have digits too many?")
}

fn compile(source: &str) -> Result<Template, String> {
    let (source, marks_generation) = prepared(source);
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    minijinja_contrib::add_to_environment(&mut environment);
    python_methods::add_to(&mut environment);
    python_padding::add_to(&mut environment);
    python_filters::add_to(&mut environment);
    python_values::add_to(&mut environment);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment.add_filter(GENERATION, |_: &State, body: String| format!("{BEGIN}{body}{END}"));
    environment.add_template_owned(NAME, source).map_err(words)?;
    Ok(Template { environment, marks_generation, exceeds: AtomicBool::new(false) })
}

fn render(template: &Template, variables: &str, generation_prompt: bool) -> Result<Rendered, String> {
    if template.marks_generation && variables.contains([BEGIN, END]) {
        return Err("a text holds U+FDD0 or U+FDD1, which are no characters".to_string());
    }
    let variables: serde_json::Value = serde_json::from_str(variables).map_err(|e| e.to_string())?;
    let compiled = template.environment.get_template(NAME).map_err(words)?;
    let variables =
        context! { add_generation_prompt => generation_prompt, ..Value::from_serialize(&variables) };
    let mut output = Bounded(Vec::new());
    compiled.render_captured_to(variables, &mut output).map_err(words)?;
    let text = String::from_utf8(output.0).map_err(|e| e.to_string())?;
    Ok(if template.marks_generation { unmarked(text) } else { Rendered { text, generated: Vec::new() } })
}

fn render_bounded(template: &Template, variables: &str, generation_prompt: bool) -> Result<Rendered, String> {
    if template.exceeds.load(Ordering::Relaxed) {
        return Err(too_much_memory());
    }
    let rendered = memory_bound::run(|| render(template, variables, generation_prompt));
    rendered.map_err(|e| format!("no stack to render it on: {e}"))?.unwrap_or_else(|| {
        template.exceeds.store(true, Ordering::Relaxed);
        Err(too_much_memory())
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_template_open(
    source: *const u8,
    length: usize,
    error: *mut *mut c_char,
) -> *mut Template {
    guarded(error, std::ptr::null_mut(), || {
        let source = text(source, length)?;
        let compiled = memory_bound::run(|| compile(source)).map_err(|e| format!("no stack to read it on: {e}"))?;
        Ok(Box::into_raw(Box::new(compiled.unwrap_or_else(|| Err(too_much_memory()))?)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_template_free(template: *mut Template) {
    drop(Box::from_raw(template));
}

#[no_mangle]
pub unsafe extern "C" fn strata_template_marks_generation(template: *const Template) -> bool {
    (*template).marks_generation
}

/// `variables` is the JSON of the template's variables; `messages` is one of them.
#[no_mangle]
pub unsafe extern "C" fn strata_template_render(
    template: *const Template,
    variables: *const u8,
    length: usize,
    generation_prompt: bool,
    error: *mut *mut c_char,
) -> *mut Rendered {
    guarded(error, std::ptr::null_mut(), || {
        let rendered = render_bounded(&*template, text(variables, length)?, generation_prompt)?;
        Ok(Box::into_raw(Box::new(rendered)))
    })
}

/// Gives the number of spans at `generated`: pairs of bytes, the second behind the end.
#[no_mangle]
pub unsafe extern "C" fn strata_rendered_view(
    rendered: *const Rendered,
    text: *mut *const u8,
    length: *mut usize,
    generated: *mut *const u32,
) -> usize {
    *text = (&(*rendered).text).as_ptr();
    *length = (&(*rendered).text).len();
    *generated = (&(*rendered).generated).as_ptr().cast();
    (&(*rendered).generated).len()
}

#[no_mangle]
pub unsafe extern "C" fn strata_rendered_free(rendered: *mut Rendered) {
    drop(Box::from_raw(rendered));
}
