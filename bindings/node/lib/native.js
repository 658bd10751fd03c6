'use strict';
// The addon, started, and what both sides call things by. Every number here comes from the C headers.
const { debuglog } = require('node:util');
const { isMainThread } = require('node:worker_threads');
const native = require('../build/tripoint.node');

/** An error of the library or of this binding; `code` is a status of the C library, without its prefix. */
class TripointError extends Error {
  constructor(code, message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'TripointError';
    this.code = code;
    this.status = details.status ?? constants.status[code] ?? constants.status.INTERNAL;
    this.engine = details.engine || undefined;
    this.stage = details.stage || undefined;
    this.region = details.region || undefined;
    this.engineCode = details.engineCode || undefined;
  }
}

const constants = native.constants();

native.start(
  (code, status, message, engine, stage, region, engineCode) =>
    new TripointError(code, message, { status, engine, stage, region, engineCode }),
  debuglog('tripoint').enabled,
  isMainThread,
);

const invalid = (message) => new TripointError('INVALID_ARGUMENT', message);

// WebNN's names for element types, ours beside them. WebNN has no u16, i16 and f64: those have ours only.
const dataTypes = new Map(Object.entries({
  uint8: ['u8', Uint8Array], int8: ['i8', Int8Array], uint16: ['u16', Uint16Array], int16: ['i16', Int16Array],
  float16: ['f16', globalThis.Float16Array ?? Uint16Array], uint32: ['u32', Uint32Array], int32: ['i32', Int32Array],
  float32: ['f32', Float32Array], uint64: ['u64', BigUint64Array], int64: ['i64', BigInt64Array],
  float64: ['f64', Float64Array],
}).map(([name, [short, array]]) => [name, { name, short, array, dtype: constants.dtype[short] }]));
const dataTypeOf = (dtype) => [...dataTypes.values()].find((type) => type.dtype === dtype);
const nameOf = (table, number) => Object.keys(table).find((name) => table[name] === number);

module.exports = { native, constants, TripointError, invalid, dataTypes, dataTypeOf, nameOf };
