'use strict';
// An AbortSignal as the library's cancellation.
const { native, TripointError, invalid } = require('./native.js');

/** `it` is for the addon. `always`: one is made without a signal too, for who cancels by `now()`. */
function cancellationOf(options, always = false) {
  if (options !== undefined && (typeof options !== 'object' || options === null))
    throw invalid('options are an object: { signal, timeout }');
  const signal = options?.signal;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal wants an AbortSignal');
  if (signal?.aborted) throw new TripointError('CANCELLED', 'it was aborted before it began', { cause: signal.reason });
  if (!signal && !always) return { it: undefined, now() {}, end() {} };
  const it = native.cancellation();
  const now = () => native.cancel(it);
  signal?.addEventListener('abort', now, { once: true });
  return { it, now, end: () => signal?.removeEventListener('abort', now) };
}

module.exports = { cancellationOf };
