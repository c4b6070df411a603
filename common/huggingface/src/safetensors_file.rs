//! `safetensors`: the tensors of a file that the caller has mapped, and the bytes of a new one.

use crate::{guarded, slice, text};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use std::collections::HashMap;
use std::ffi::c_char;

/// The header of a file: names, kinds, shapes and places, in the order of the places.
pub struct Header {
    tensors: Vec<(String, String, Vec<u64>, u64, u64)>,
}

/// Checks the header against the whole file's length: no hole, no overlap, no overflow.
#[no_mangle]
pub unsafe extern "C" fn strata_safetensors_open(
    data: *const u8,
    length: usize,
    error: *mut *mut c_char,
) -> *mut Header {
    guarded(error, std::ptr::null_mut(), || {
        let file = slice(data, length);
        let (header_bytes, metadata): (usize, Metadata) =
            SafeTensors::read_metadata(file).map_err(|e| e.to_string())?;
        let data_begins = 8 + header_bytes as u64;
        let tensors = metadata.offset_keys().into_iter().map(|name| {
            let info = metadata.info(&name).ok_or("a tensor without information")?;
            let shape = info.shape.iter().map(|&n| n as u64).collect();
            let begin = data_begins + info.data_offsets.0 as u64;
            let length = (info.data_offsets.1 - info.data_offsets.0) as u64;
            Ok((name, format!("{:?}", info.dtype), shape, begin, length))
        });
        let tensors = tensors.collect::<Result<Vec<_>, &str>>().map_err(str::to_string)?;
        Ok(Box::into_raw(Box::new(Header { tensors })))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_safetensors_count(header: *const Header) -> usize {
    (*header).tensors.len()
}

/// One tensor: its name, kind ("F32"), shape, and its place in bytes from the beginning of the file.
#[repr(C)]
pub struct TensorPlace {
    name: *const u8,
    name_length: usize,
    dtype: *const u8,
    dtype_length: usize,
    shape: *const u64,
    dimensions: usize,
    begin: u64,
    length: u64,
}

#[no_mangle]
pub unsafe extern "C" fn strata_safetensors_at(header: *const Header, index: usize) -> TensorPlace {
    let (name, dtype, shape, begin, length) = &(&(*header).tensors)[index];
    TensorPlace {
        name: name.as_ptr(),
        name_length: name.len(),
        dtype: dtype.as_ptr(),
        dtype_length: dtype.len(),
        shape: shape.as_ptr(),
        dimensions: shape.len(),
        begin: *begin,
        length: *length,
    }
}

#[no_mangle]
pub unsafe extern "C" fn strata_safetensors_free(header: *mut Header) {
    drop(Box::from_raw(header));
}

/// A matrix of little-endian fp32 values to be written.
#[repr(C)]
pub struct Matrix {
    name: *const u8,
    name_length: usize,
    rows: u64,
    columns: u64,
    values: *const u8,
}

/// Gives the file's bytes; free them with `strata_bytes_free`.
#[no_mangle]
pub unsafe extern "C" fn strata_safetensors_write(
    matrices: *const Matrix,
    count: usize,
    error: *mut *mut c_char,
) -> *mut Vec<u8> {
    guarded(error, std::ptr::null_mut(), || {
        let mut views = Vec::with_capacity(count);
        for matrix in slice(matrices, count) {
            let name = text(matrix.name, matrix.name_length)?.to_string();
            let shape = vec![matrix.rows as usize, matrix.columns as usize];
            let values = slice(matrix.values, (matrix.rows * matrix.columns * 4) as usize);
            let view = TensorView::new(Dtype::F32, shape, values).map_err(|e| e.to_string())?;
            views.push((name, view));
        }
        let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
        let file = safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())?;
        Ok(Box::into_raw(Box::new(file)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn strata_bytes_view(file: *const Vec<u8>, length: *mut usize) -> *const u8 {
    *length = (*file).len();
    (*file).as_ptr()
}

#[no_mangle]
pub unsafe extern "C" fn strata_bytes_free(file: *mut Vec<u8>) {
    drop(Box::from_raw(file));
}
