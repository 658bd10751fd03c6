'use strict';
// The shared memory, its regions and their views, and stages over them: the interface that was asked for.
const { native, constants, TripointError, invalid, dataTypes, dataTypeOf, nameOf } = require('./native.js');
const { SharedGPUBuffer, SharedMLTensor } = require('./views.js');
const { cancellationOf } = require('./cancel.js');

let boxOf; // an arena's own record in the addon

const records = new WeakMap(); // SharedMemoryHandle → {handle, box, arena, size, buffer, gpu}
const owners = new WeakMap();  // ArrayBuffer over pages → its record: a view keeps its region from being collected

/** A region of an arena. Only allocateShared() makes one. */
class SharedMemoryHandle {
  constructor(key, size) {
    if (key !== records) throw invalid('a SharedMemoryHandle comes from allocateShared()');
    this.size = size;
    Object.freeze(this);
  }
}

function recordOf(handle, arena) {
  const record = records.get(handle);
  if (!record) throw invalid('a handle that allocateShared() gave was expected');
  if (arena && record.arena !== arena) throw new TripointError('BAD_HANDLE', 'the region belongs to another arena');
  return record;
}

function kindOf(layout, dataType) {
  const { shape } = layout;
  if (layout.kind !== undefined) {
    if (!Object.hasOwn(constants.kind, layout.kind))
      throw invalid(`kind wants one of ${Object.keys(constants.kind).join(', ')}`);
    return constants.kind[layout.kind];
  }
  if (dataType.name === 'uint8' && shape.length === 3 && shape[2] <= 4) return constants.kind.image;
  if (dataType.name === 'float32' && shape.length === 3 && shape[2] === 1) return constants.kind.mask;
  return constants.kind.tensor;
}

function parseLayout(layout) {
  if (typeof layout !== 'object' || layout === null || !Array.isArray(layout.shape))
    throw invalid("a layout is { shape: [height, width, channels], dataType: 'uint8' }");
  const dataType = dataTypes.get(layout.dataType ?? 'uint8');
  if (!dataType) throw invalid(`dataType wants one of ${[...dataTypes.keys()].join(', ')}`);
  return [dataType.dtype, kindOf(layout, dataType), [...layout.shape]];
}

const list = (one, many) => many ?? (one === undefined || one === null ? [] : Array.isArray(one) ? one : [one]);

/** Vectors are written as in text: "1 0.5 0". */
function parseParam(value) {
  if (typeof value === 'boolean') return Number(value);
  const isVector = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  return isVector ? Array.from(value, Number).join(' ') : value;
}

function parseParams(params) {
  if (params === undefined) return [];
  if (typeof params !== 'object' || params === null) throw invalid('params is an object: { width: 512 }');
  return Object.entries(params).flatMap(([name, value]) => [name, parseParam(value)]);
}

/** A stage as the addon takes it. */
function parseStage(stage, arena) {
  if (typeof stage !== 'object' || stage === null)
    throw invalid('a stage is { technology, operation, input, output }');
  if (!Object.hasOwn(constants.technology, stage.technology))
    throw invalid(`technology wants one of ${Object.keys(constants.technology).join(', ')}`);
  if (typeof stage.operation !== 'string') throw invalid('operation wants the name of an operation');
  const boxes = (handles) => {
    if (!Array.isArray(handles)) throw invalid('inputs and outputs are lists of handles');
    return handles.map((handle) => (handle === null || handle === undefined ? null : recordOf(handle, arena).box));
  };
  return {
    technology: constants.technology[stage.technology],
    operation: stage.operation,
    name: stage.name,
    inputs: boxes(list(stage.input, stage.inputs)),
    outputs: boxes(list(stage.output, stage.outputs)),
    params: parseParams(stage.params),
  };
}

function parseStages(stages, arena) {
  if (!Array.isArray(stages) || stages.length === 0) throw invalid('an array of at least one stage was expected');
  return stages.map((stage) => parseStage(stage, arena));
}

/** One block of memory that Wasm, WebGPU and WebNN see at the same time: a ZeroCopyPipeline. */
class SharedMemoryArena {
  #box;

  static {
    boxOf = (arena) => arena.#box;
  }

  constructor(options = {}) {
    const asked = typeof options === 'number' ? { capacity: options } : options;
    if (typeof asked !== 'object' || asked === null) throw invalid('an arena wants options or a capacity in bytes');
    const { capacity = 0, backing = 'memfd', hugePages, label, cpuDriver, threads = 0 } = asked;
    if (backing !== 'memfd' && backing !== 'private') throw invalid("backing wants 'memfd' or 'private'");
    this.#box = native.create(capacity, backing === 'private', hugePages, label, cpuDriver, threads);
  }

  /** A region of `size` bytes; without a layout it is a flat array of bytes. */
  allocateShared(size, layout) {
    if (!Number.isSafeInteger(size) || size < 1)
      throw invalid('allocateShared wants a size in bytes, a whole number from 1');
    const parsed = layout === undefined ? undefined : parseLayout(layout);
    const box = native.allocate(this.#box, size, layout?.label, layout?.prefault, 0);
    try {
      if (parsed) native.setLayout(box, ...parsed);
    } catch (error) {
      native.free(box);
      throw error;
    }
    const handle = new SharedMemoryHandle(records, size);
    records.set(handle, { handle, box, arena: this, size, buffer: undefined, gpu: undefined });
    return handle;
  }

  /** Frees it: views are detached, the handle is stale. Work that is in flight keeps the pages until it ends. */
  freeShared(handle) {
    const record = recordOf(handle, this);
    native.info(record.box); // one that was freed before is an error, and nothing is touched
    record.gpu?.destroy();
    native.free(record.box);
  }

  getWasmView(handle) {
    return new Uint8Array(this.bufferOf(recordOf(handle, this)));
  }

  getGPUView(handle) {
    const record = recordOf(handle, this);
    native.info(record.box);
    record.gpu ??= new SharedGPUBuffer(record);
    return record.gpu;
  }

  getNPUView(handle) {
    const record = recordOf(handle, this);
    const { dtype, shape } = native.layout(record.box);
    return new SharedMLTensor(record, dataTypeOf(dtype), shape);
  }

  async executeZeroCopy(stages, options) {
    const parsed = parseStages(stages, this);
    const cancel = cancellationOf(options);
    try {
      await native.execute(this.#box, parsed, options?.timeout, cancel.it, options?.allowCopies !== true);
    } finally {
      cancel.end();
    }
  }

  /** Stages that are checked and prepared once, to be run many times. */
  async prepare(stages) {
    return new Plan(records, this, await native.plan(this.#box, parseStages(stages, this)));
  }

  getLayout(handle) {
    const { dtype, kind, shape } = native.layout(recordOf(handle, this).box);
    return { shape, dataType: dataTypeOf(dtype).name, kind: nameOf(constants.kind, kind) };
  }

  /** States what the region holds now. */
  setLayout(handle, layout) {
    native.setLayout(recordOf(handle, this).box, ...parseLayout(layout));
  }

  /** Who reads and writes the region now. */
  getState(handle) {
    return native.state(recordOf(handle, this).box);
  }

  /** Lifts the poison that a failed stage left. */
  reset(handle) {
    native.reset(recordOf(handle, this).box);
  }

  /** Every byte copied: `border` in and out of the arena, `between` stages, and the lines of both. */
  get ledger() {
    return native.ledger(this.#box);
  }

  resetLedger() {
    native.resetLedger(this.#box);
  }

  get stats() {
    return native.stats(this.#box);
  }

  /** Opens the engine of a technology, where it is not open, and tells what it is. */
  async engine(technology) {
    if (!Object.hasOwn(constants.technology, technology))
      throw invalid(`technology wants one of ${Object.keys(constants.technology).join(', ')}`);
    return native.engine(this.#box, constants.technology[technology]);
  }

  /** One byte of the region as the technology itself sees it, through its native view. */
  async peek(technology, handle, offset) {
    return native.touch(recordOf(handle, this).box, constants.technology[technology], offset, undefined);
  }

  async poke(technology, handle, offset, value) {
    if (value === undefined) throw invalid('poke wants a byte');
    return native.touch(recordOf(handle, this).box, constants.technology[technology], offset, value);
  }

  /** Frees every region; the engines are closed as soon as nothing is in flight. */
  destroy() {
    native.close(this.#box);
  }

  /** For the package's own files: the region's ArrayBuffer, made once. */
  bufferOf(record) {
    if (!record.buffer || record.buffer.byteLength === 0) {
      record.buffer = native.buffer(record.box, 0, record.size);
      owners.set(record.buffer, record);
    } else {
      native.info(record.box);
    }
    return record.buffer;
  }

  /** For the package's own files: this buffer is over that region. */
  remember(buffer, record) {
    owners.set(buffer, record);
  }
}

/** Stages that were checked and prepared; one run at a time. */
class Plan {
  #arena;
  #box;

  constructor(key, arena, box) {
    if (key !== records) throw invalid('a plan comes from prepare()');
    this.#arena = arena;
    this.#box = box;
  }

  async run(options, box, bytes) {
    const cancel = cancellationOf(options);
    try {
      await native.run(this.#box, options?.timeout, cancel.it, options?.allowCopies !== true, box, bytes);
    } finally {
      cancel.end();
    }
  }
}

/** For the package's own files: the region that lies under these bytes, when they are all of it. */
function regionUnder(view, arena) {
  const record = owners.get(view.buffer);
  return record && record.arena === arena && view.byteOffset === 0 && view.byteLength === record.size &&
    record.buffer === view.buffer ? record : undefined;
}

module.exports = { SharedMemoryArena, SharedMemoryHandle, Plan, recordOf, regionUnder, parseLayout, boxOf };
