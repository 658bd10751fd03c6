'use strict';
// One technology over an arena: operations by name.
const { SharedMemoryArena } = require('./arena.js');
const { native, invalid } = require('./native.js');

class Engine {
  #technology;

  constructor(technology, arena = new SharedMemoryArena()) {
    if (!(arena instanceof SharedMemoryArena)) throw invalid('an engine wants the SharedMemoryArena that it works on');
    this.#technology = technology;
    this.arena = arena;
  }

  /** One stage. `options`: inputs that come after the first, params, signal, timeout. */
  async executeOperation(operation, input, output, options = {}) {
    if (typeof options !== 'object' || options === null) throw invalid('options are an object: { inputs, params }');
    const { inputs = [], params, ...run } = options;
    if (!Array.isArray(inputs)) throw invalid('inputs is a list of handles');
    const first = Array.isArray(input) ? input : [input];
    await this.arena.executeZeroCopy(
      [{ technology: this.#technology, operation, inputs: [...first, ...inputs], output, params }], run);
  }

  /** The library, the version, the device, and whether memory is shared with it. Opens the engine. */
  info() {
    return this.arena.engine(this.#technology);
  }

  /** The operations that this engine has. */
  get operations() {
    return native.operations().filter((operation) => operation.technologies.includes(this.#technology));
  }

  /** One byte as the engine itself sees it. */
  peek(handle, offset) {
    return this.arena.peek(this.#technology, handle, offset);
  }

  poke(handle, offset, value) {
    return this.arena.poke(this.#technology, handle, offset, value);
  }
}

class WasmEngine extends Engine {
  constructor(arena) {
    super('wasm', arena);
  }
}

class WebGPUContext extends Engine {
  constructor(arena) {
    super('webgpu', arena);
  }
}

class WebNNContext extends Engine {
  constructor(arena) {
    super('webnn', arena);
  }
}

module.exports = { WasmEngine, WebGPUContext, WebNNContext };
