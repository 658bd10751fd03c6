import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import * as tripoint from 'tripoint';
import { image, RGBA, root, throwsCode } from './kit.mjs';

const arena = tripoint.createZeroCopyPipeline();

test('the library that runs is the one whose headers were compiled', () => {
  assert.equal(tripoint.constants.version, tripoint.constants.headers);
  assert.equal(tripoint.version, JSON.parse(readFileSync(`${root}/package.json`, 'utf8')).version);
});

test('states and technologies have the numbers that were asked for', () => {
  const { state, technology } = tripoint.constants;
  assert.deepEqual(['IDLE', 'WASM_WRITING', 'GPU_READING', 'GPU_WRITING', 'NPU_READING', 'NPU_WRITING'].map((n) => state[n]),
    [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(Object.keys(technology), ['host', 'wasm', 'webgpu', 'webnn']);
});

test('index.d.ts knows every status, and no other', () => {
  const text = readFileSync(`${root}/index.d.ts`, 'utf8').match(/export type ErrorCode =([^;]*);/)[1];
  const typed = [...text.matchAll(/'(\w+)'/g)].map((match) => match[1]);
  assert.deepEqual(typed, Object.keys(tripoint.constants.status).filter((name) => name !== 'OK'));
});

test('index.d.ts names the headers\' element types, kinds and technologies', () => {
  const text = readFileSync(`${root}/index.d.ts`, 'utf8');
  const typed = (name) => [...text.match(new RegExp(`export type ${name} =([^;]*);`))[1].matchAll(/'(\w+)'/g)].map((match) => match[1]);
  const { dtype, kind, technology } = tripoint.constants;
  const short = (name) => name.replace(/[a-z]+/, (word) => word[0]);
  assert.deepEqual(typed('DataType').map(short), Object.keys(dtype));
  assert.deepEqual(typed('Kind'), Object.keys(kind));
  assert.deepEqual([...typed('Technology'), 'host'].sort(), Object.keys(technology).sort());
});

test('index.d.ts declares what the package exports', () => {
  const text = readFileSync(`${root}/index.d.ts`, 'utf8');
  for (const name of Object.keys(tripoint).filter((name) => name !== 'default' && name !== 'module.exports'))
    assert.match(text, new RegExp(`export declare (abstract )?(class|const|function) ${name}\\b`), name);
});

test('a fresh region is zero, live and flat', () => {
  const handle = arena.allocateShared(100);
  const view = arena.getWasmView(handle);
  assert.ok(view instanceof Uint8Array);
  assert.equal(view.length, 100);
  assert.ok(view.every((byte) => byte === 0));
  assert.deepEqual(arena.getLayout(handle), { shape: [100], dataType: 'uint8', kind: 'bytes' });
  view[99] = 7;
  assert.equal(arena.getWasmView(handle)[99], 7);
  assert.equal(arena.getWasmView(handle).buffer, view.buffer);
  arena.freeShared(handle);
});

test('a layout says what a region holds', () => {
  const handle = arena.allocateShared(4 * 6 * 4, RGBA(4, 6));
  assert.deepEqual(arena.getLayout(handle), { shape: [4, 6, 4], dataType: 'uint8', kind: 'image' });
  arena.setLayout(handle, { shape: [4, 6, 1], dataType: 'float32' });
  assert.equal(arena.getLayout(handle).kind, 'mask');
  throwsCode(() => arena.setLayout(handle, { shape: [5, 6, 4] }), 'INVALID_ARGUMENT');
  throwsCode(() => arena.allocateShared(10, RGBA(4, 6)), 'INVALID_ARGUMENT');
  arena.freeShared(handle);
});

test('freeing detaches every view, and frees once', () => {
  const handle = arena.allocateShared(4096);
  const view = arena.getWasmView(handle);
  const tensor = arena.getNPUView(handle);
  const numbers = tensor.data;
  const { usedBytes } = arena.stats;
  arena.freeShared(handle);
  assert.equal(view.length, 0);
  assert.equal(numbers.length, 0);
  assert.equal(arena.stats.usedBytes, usedBytes - 4096);
  throwsCode(() => arena.freeShared(handle), 'BAD_HANDLE');
  throwsCode(() => arena.getWasmView(handle), 'BAD_HANDLE');
  throwsCode(() => arena.getGPUView(handle), 'BAD_HANDLE');
  throwsCode(() => arena.getNPUView(handle), 'BAD_HANDLE');
  throwsCode(() => tensor.data, 'BAD_HANDLE');
});

test('views can not be moved away from their region', () => {
  const handle = arena.allocateShared(4096);
  const view = arena.getWasmView(handle);
  try {
    structuredClone(view.buffer, { transfer: [view.buffer] });
  } catch (error) {
    assert.equal(error.name, 'DataCloneError');
  }
  arena.getWasmView(handle)[0] = 3;
  assert.equal(arena.getWasmView(handle)[0], 3);
  arena.freeShared(handle);
});

test('a buffer that was moved away keeps its pages', { skip: !ArrayBuffer.prototype.transfer && 'needs ArrayBuffer.prototype.transfer' }, () => {
  const handle = arena.allocateShared(4096);
  const moved = arena.getWasmView(handle).buffer.transfer();
  const { usedBytes } = arena.stats;
  arena.freeShared(handle);
  assert.equal(arena.stats.usedBytes, usedBytes);
  new Uint8Array(moved).fill(1);
});

test('a handle of another arena is refused', () => {
  const other = tripoint.createZeroCopyPipeline({ label: 'other' });
  const handle = image(other, 2, 2);
  throwsCode(() => arena.getWasmView(handle), 'BAD_HANDLE');
  throwsCode(() => arena.freeShared(handle), 'BAD_HANDLE');
  other.destroy();
});

test('a destroyed arena takes its views along', () => {
  const other = new tripoint.SharedMemoryArena(1 << 20);
  const handle = other.allocateShared(10);
  const view = other.getWasmView(handle);
  other.destroy();
  other.destroy();
  assert.equal(view.length, 0);
  throwsCode(() => other.getWasmView(handle), 'BAD_HANDLE');
  throwsCode(() => other.allocateShared(10), 'BAD_HANDLE');
  throwsCode(() => other.ledger, 'BAD_HANDLE');
});

test('an arena that is full says who holds it', () => {
  const small = tripoint.createZeroCopyPipeline({ capacity: 65536, label: 'small' });
  small.allocateShared(60000, { shape: [60000], label: 'greedy' });
  assert.throws(() => small.allocateShared(60000), /greedy/);
  throwsCode(() => small.allocateShared(60000), 'NO_MEMORY');
  small.destroy();
});

test('operations are told with their operands', () => {
  for (const operation of tripoint.operations())
    for (const param of operation.params) {
      const isText = param.type === 'choice' || param.type === 'text';
      assert.equal(typeof param.default, isText ? 'string' : 'number', `${operation.name}.${param.name}`);
      if (!isText) assert.ok(param.minimum <= param.default && param.default <= param.maximum, param.name);
      if (param.type === 'choice') assert.ok(param.choices.split('|').includes(param.default), param.name);
    }
  const mask = tripoint.operations().find((operation) => operation.name === 'apply_mask');
  assert.deepEqual(mask.operands.map((operand) => operand.kind), ['image', 'mask', 'image']);
  assert.ok(mask.technologies.includes('host'));
});
