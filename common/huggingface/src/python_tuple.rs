//! Python's tuples, where templates meet them: the pairs of a dict, what `partition` gives.

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::Value;
use std::sync::Arc;

/// A sequence as any other, but for how it is written. One that a template itself writes is a list to the engine.
#[derive(Debug)]
pub struct Tuple(Vec<Value>);

impl Tuple {
    pub fn value(items: Vec<Value>) -> Value {
        Value::from_object(Tuple(items))
    }

    pub fn is(value: &Value) -> bool {
        value.downcast_object_ref::<Tuple>().is_some()
    }
}

impl Object for Tuple {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}
