import assert from 'node:assert/strict';
import test from 'node:test';
import { createZeroCopyPipeline, GPUMapMode, WasmEngine, WebGPUContext, WebNNContext } from 'tripoint';
import { image, rejectsCode, throwsCode, wants } from './kit.mjs';

const arena = createZeroCopyPipeline();

test('written through one view, read through the others', async () => {
  const handle = image(arena, 8, 8, 1);
  const bytes = arena.getWasmView(handle);
  const buffer = arena.getGPUView(handle);
  const tensor = arena.getNPUView(handle);
  bytes[10] = 42;
  await buffer.mapAsync(GPUMapMode.WRITE);
  const mapped = new Uint8Array(buffer.getMappedRange());
  assert.equal(mapped[10], 42);
  mapped[11] = 43;
  buffer.unmap();
  assert.equal(bytes[11], 43);
  assert.equal(tensor.data[11], 43);
  tensor.data[12] = 44;
  assert.equal(bytes[12], 44);
  assert.equal(arena.ledger.border.bytes + arena.ledger.between.bytes, 0);
});

for (const [technology, Context] of [['wasm', WasmEngine], ['webgpu', WebGPUContext], ['webnn', WebNNContext]])
  test(`${technology} itself sees the same bytes`, async (t) => {
    if (!(await wants(t, technology))) return;
    const context = new Context(arena);
    const handle = image(arena, 64, 64, 0);
    const view = arena.getWasmView(handle);
    view[4097] = 200;
    assert.equal(await context.peek(handle, 4097), 200);
    await context.poke(handle, 4098, 201);
    assert.equal(view[4098], 201);
    assert.equal((await context.info()).sharesMemory, true);
    assert.equal(arena.ledger.between.bytes, 0);
  });

test('a GPUBuffer behaves as in WebGPU', async () => {
  const handle = image(arena, 8, 8);
  const buffer = arena.getGPUView(handle);
  assert.equal(arena.getGPUView(handle), buffer);
  assert.equal(buffer.size, 256);
  assert.equal(buffer.mapState, 'unmapped');
  throwsCode(() => buffer.getMappedRange(), 'BAD_CLAIM');
  const mapping = buffer.mapAsync(GPUMapMode.READ);
  assert.equal(buffer.mapState, 'pending');
  await mapping;
  assert.equal(buffer.mapState, 'mapped');
  assert.equal(arena.getState(handle).name, 'HOST_READING');
  await rejectsCode(buffer.mapAsync(GPUMapMode.READ), 'BUSY');
  const range = buffer.getMappedRange(8, 16);
  assert.equal(range.byteLength, 16);
  throwsCode(() => buffer.getMappedRange(16, 8), 'INVALID_ARGUMENT');
  throwsCode(() => buffer.getMappedRange(3, 8), 'INVALID_ARGUMENT');
  buffer.unmap();
  assert.equal(range.byteLength, 0);
  assert.equal(buffer.mapState, 'unmapped');
  assert.equal(arena.getState(handle).name, 'IDLE');
  buffer.label = 'mine';
  assert.equal(buffer.label, 'mine');
  buffer.destroy();
  await rejectsCode(buffer.mapAsync(GPUMapMode.READ), 'BAD_HANDLE');
  assert.notEqual(arena.getGPUView(handle), buffer);
});

test('a mapping waits for its turn, and can be given up', async () => {
  const handle = image(arena, 8, 8);
  const first = arena.getGPUView(handle);
  await first.mapAsync(GPUMapMode.WRITE);
  await rejectsCode(arena.executeZeroCopy([{ technology: 'host', operation: 'vignette', input: handle, output: handle }],
    { timeout: 1 }), 'TIMEOUT');
  const second = arena.getGPUView(handle);
  assert.equal(second, first);
  first.unmap();
  const pending = first.mapAsync(GPUMapMode.READ);
  first.unmap();
  await rejectsCode(pending, 'CANCELLED');
  assert.equal(first.mapState, 'unmapped');
  assert.equal(arena.getState(handle).name, 'IDLE');
  arena.freeShared(handle);
});

test('freeing a mapped region gives its claim back', async () => {
  const handle = arena.allocateShared(4096);
  const { usedBytes } = arena.stats;
  const buffer = arena.getGPUView(handle);
  await buffer.mapAsync(GPUMapMode.WRITE);
  const range = buffer.getMappedRange();
  arena.freeShared(handle);
  assert.equal(range.byteLength, 0);
  assert.equal(arena.stats.usedBytes, usedBytes - 4096);
  assert.equal(arena.stats.doomed, 0);
});

test('an MLTensor has the layout of now', () => {
  const handle = arena.allocateShared(24, { shape: [2, 3], dataType: 'float32' });
  const tensor = arena.getNPUView(handle);
  assert.equal(tensor.dataType, 'float32');
  assert.deepEqual([...tensor.shape], [2, 3]);
  assert.ok(tensor.readable && tensor.writable);
  assert.ok(tensor.data instanceof Float32Array && tensor.data.length === 6);
  tensor.destroy();
  throwsCode(() => tensor.data, 'BAD_HANDLE');
  assert.deepEqual(arena.getLayout(handle).shape, [2, 3]);
});
