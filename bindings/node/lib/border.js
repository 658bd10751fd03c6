'use strict';
// Bytes into regions and out of them. What JavaScript can detach is copied on the event loop, a piece a turn; what it
// can't (shared memory, memory that was handed over) is copied beside it.
const { setImmediate: turn } = require('node:timers/promises');
const { native, TripointError, invalid } = require('./native.js');

const PIECE = 2 << 20; // 0.1 to 0.3 ms

const asBytes = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const isShared = (bytes) => bytes.buffer instanceof SharedArrayBuffer;

/** The memory, handed over: what the caller holds is detached. */
function take(bytes) {
  const { buffer, byteOffset, byteLength } = bytes;
  let taken, cause;
  try {
    taken = structuredClone(buffer, { transfer: [buffer] });
  } catch (error) {
    cause = error;
  }
  if (!taken || buffer.byteLength > 0) // older Nodes clone what they can't transfer
    throw new TripointError('INVALID_ARGUMENT', 'the memory can not be transferred', { cause });
  return new Uint8Array(taken, byteOffset, byteLength);
}

async function inPieces(box, bytes, options, copy) {
  const size = bytes.byteLength;
  for (let at = 0; at < size; at += PIECE) {
    if (at > 0) await turn();
    const { signal } = options ?? {};
    if (signal?.aborted)
      throw new TripointError('CANCELLED', 'it was aborted while its bytes were copied', { cause: signal.reason });
    copy(box, bytes, at, Math.min(PIECE, size - at));
  }
}

/** Fills the region. `options.transfer` hands the memory over. The first piece is copied before this returns. */
async function copyIn(box, array, options) {
  const bytes = asBytes(array);
  if (isShared(bytes)) return native.fill(box, bytes);
  if (options?.transfer) return native.fill(box, take(bytes));
  return inPieces(box, bytes, options, native.write);
}

/**
 * Runs, then copies the region's bytes out: into memory of the caller's, or into an ArrayBuffer of its own, which is not
 * zeroed first, for nobody sees it before it has been filled. `run(box, bytes)` empties the region beside the event loop
 * when it is given one. Gives the bytes.
 */
async function runAndCopyOut(run, box, size, array, options) {
  const bytes = array ? asBytes(array) : new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  if (!array || isShared(bytes)) {
    await run(box, bytes);
  } else {
    await run();
    await inPieces(box, bytes, options, native.read);
  }
  return bytes;
}

function checkTransfer(options) {
  const transfer = options?.transfer;
  if (transfer !== undefined && typeof transfer !== 'boolean') throw invalid('transfer wants true or false');
}

module.exports = { copyIn, runAndCopyOut, checkTransfer };
