//! Runs a job that may hold so much memory and no more.
//!
//! An allocator can neither fail (Rust would abort the process) nor unwind. So a job runs on a stack of its own, and
//! one that asks for more than its share is left standing where it asks, for good and with what it holds: the thread
//! goes back to its own stack. What asked for too much once is not to be run again.

use libc::{getcontext, makecontext, mmap, mprotect, munmap, setcontext, swapcontext, ucontext_t};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::mem::{forget, transmute, zeroed};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::{null_mut, NonNull};

/// Bytes that one job may hold at once.
pub const HELD_BYTES_MAX: usize = 256 << 20;

// As the main thread has it: what a job recurses into is written for that.
const STACK_BYTES: usize = 8 << 20;
const GUARD_BYTES: usize = 64 << 10; // whole pages of every size that there is

/// Memory for a stack, below it a guard.
struct Stack(NonNull<libc::c_void>);

impl Stack {
    fn new() -> io::Result<Stack> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let at = unsafe { mmap(null_mut(), STACK_BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        let at = NonNull::new(at).filter(|at| at.as_ptr() != libc::MAP_FAILED).ok_or_else(io::Error::last_os_error)?;
        let stack = Stack(at);
        match unsafe { mprotect(at.as_ptr(), GUARD_BYTES, libc::PROT_NONE) } {
            0 => Ok(stack),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        unsafe { munmap(self.0.as_ptr(), STACK_BYTES) };
    }
}

/// One job, on the stack of who waits for it.
struct Job {
    waiting: ucontext_t,
    body: *mut dyn FnMut(),
}

thread_local! {
    // Of the job that this thread runs, if any.
    static JOB: Cell<*mut Job> = const { Cell::new(null_mut()) };
    static HELD_BYTES: Cell<isize> = const { Cell::new(0) };
    // For the next job: a new one costs more than most jobs.
    static STACK: Cell<Option<Stack>> = const { Cell::new(None) };
}

/// Counts what a job takes. Nothing in here may itself allocate.
fn charge(bytes: isize) {
    let job = JOB.get();
    if job.is_null() {
        return;
    }
    let held = HELD_BYTES.get().saturating_add(bytes);
    if bytes > 0 && held > HELD_BYTES_MAX as isize {
        JOB.set(null_mut());
        unsafe { setcontext(&(*job).waiting) };
    }
    HELD_BYTES.set(held);
}

struct Counted;

unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        charge(layout.size() as isize);
        System.alloc(layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        charge(layout.size() as isize);
        System.alloc_zeroed(layout)
    }

    unsafe fn realloc(&self, data: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        charge(bytes as isize - layout.size() as isize);
        System.realloc(data, layout, bytes)
    }

    unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
        charge(-(layout.size() as isize));
        System.dealloc(data, layout)
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Where a job begins, on its own stack. Its end is the end of this: the thread goes on where it waits.
extern "C" fn begin() {
    unsafe { (*(*JOB.get()).body)() };
    JOB.set(null_mut());
}

/// Runs `body` on `stack`; returns when it ends or is left.
fn run_on(stack: &Stack, body: &mut dyn FnMut()) -> io::Result<()> {
    unsafe {
        // Not longer than this call, which the lifetime can't say.
        let body: *mut dyn FnMut() = transmute::<&mut dyn FnMut(), &'static mut dyn FnMut()>(body);
        let (mut job, mut begins): (Job, ucontext_t) = (Job { waiting: zeroed(), body }, zeroed());
        if getcontext(&mut begins) != 0 {
            return Err(io::Error::last_os_error());
        }
        begins.uc_stack.ss_sp = stack.0.as_ptr();
        begins.uc_stack.ss_size = STACK_BYTES;
        begins.uc_link = &mut job.waiting;
        makecontext(&mut begins, begin, 0);
        HELD_BYTES.set(0);
        JOB.set(&mut job);
        match swapcontext(&mut job.waiting, &begins) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// What `job` gives; none when it asked for more than `HELD_BYTES_MAX`. A panic of it goes on here. A job runs no
/// other.
pub fn run<T>(job: impl FnOnce() -> T) -> io::Result<Option<T>> {
    let stack = STACK.take().map_or_else(Stack::new, Ok)?;
    let (mut job, mut done) = (Some(job), None);
    let mut body = || done = job.take().map(|job| catch_unwind(AssertUnwindSafe(job)));
    run_on(&stack, &mut body)?;
    match done {
        None => {
            forget(stack); // the job stands there
            Ok(None)
        }
        Some(done) => {
            STACK.set(Some(stack));
            done.map(Some).map_err(|panic| resume_unwind(panic))
        }
    }
}
