// hightower-kv behind a C interface; bench/peer_hightower.cc declares it and is its only caller.
//
// Bytes arrive as pointer and length. What a call returns goes to a function of the caller's, so
// that nothing has to be freed across the border.
use hightower_kv::engine::{KvEngine, SingleNodeEngine};
use hightower_kv::StoreConfig;
use std::ffi::c_void;
use std::slice;
use std::time::Duration;

type ValueSink = extern "C" fn(*mut c_void, *const u8, usize);
type RowSink = extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize);

const OK: i32 = 0;
const ABSENT: i32 = 1;
const FAILED: i32 = -1;

unsafe fn bytes<'a>(data: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    slice::from_raw_parts(data, length)
}

fn code<T>(result: hightower_kv::Result<T>) -> i32 {
    match result {
        Ok(_) => OK,
        Err(error) => {
            eprintln!("hightower: {error}");
            FAILED
        }
    }
}

/// Null when it fails. `workers` below 0 takes the default, one for each core. Segments have the
/// size that the crate's own benchmarks use, and compaction runs on demand only.
#[no_mangle]
pub unsafe extern "C" fn hightower_open(
    directory: *const u8,
    directory_length: usize,
    workers: i64,
) -> *mut SingleNodeEngine {
    let mut config = StoreConfig {
        data_dir: String::from_utf8_lossy(bytes(directory, directory_length)).into_owned(),
        max_segment_size: 8 * 1024 * 1024,
        compaction_interval: Duration::ZERO,
        ..StoreConfig::default()
    };
    if let Ok(workers) = usize::try_from(workers) {
        config.worker_threads = workers;
    }
    match SingleNodeEngine::with_config(config) {
        Ok(engine) => Box::into_raw(Box::new(engine)),
        Err(error) => {
            eprintln!("hightower: {error}");
            std::ptr::null_mut()
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn hightower_close(engine: *mut SingleNodeEngine) {
    drop(Box::from_raw(engine));
}

#[no_mangle]
pub unsafe extern "C" fn hightower_put(
    engine: *const SingleNodeEngine,
    key: *const u8,
    key_length: usize,
    value: *const u8,
    value_length: usize,
) -> i32 {
    code((*engine).put(bytes(key, key_length).to_vec(), bytes(value, value_length).to_vec()))
}

#[no_mangle]
pub unsafe extern "C" fn hightower_remove(
    engine: *const SingleNodeEngine,
    key: *const u8,
    key_length: usize,
) -> i32 {
    code((*engine).delete(bytes(key, key_length).to_vec()))
}

#[no_mangle]
pub unsafe extern "C" fn hightower_get(
    engine: *const SingleNodeEngine,
    key: *const u8,
    key_length: usize,
    sink: ValueSink,
    context: *mut c_void,
) -> i32 {
    match (*engine).get(bytes(key, key_length)) {
        Ok(Some(value)) => {
            sink(context, value.as_ptr(), value.len());
            OK
        }
        Ok(None) => ABSENT,
        Err(error) => code::<()>(Err(error)),
    }
}

#[no_mangle]
pub unsafe extern "C" fn hightower_scan_prefix(
    engine: *const SingleNodeEngine,
    prefix: *const u8,
    prefix_length: usize,
    sink: RowSink,
    context: *mut c_void,
) -> i32 {
    let rows = match (*engine).get_prefix(bytes(prefix, prefix_length)) {
        Ok(rows) => rows,
        Err(error) => return code::<()>(Err(error)),
    };
    for (key, value) in &rows {
        sink(context, key.as_ptr(), key.len(), value.as_ptr(), value.len());
    }
    OK
}

#[no_mangle]
pub unsafe extern "C" fn hightower_sync(engine: *const SingleNodeEngine) -> i32 {
    code((*engine).flush())
}

#[no_mangle]
pub unsafe extern "C" fn hightower_compact(engine: *const SingleNodeEngine) -> i32 {
    code((*engine).run_compaction_now())
}
