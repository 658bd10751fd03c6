import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { createZeroCopyPipeline, ImageData, Pipeline, ZeroCopyImagePipeline } from 'tripoint';
import { rejectsCode, root, throwsCode, wants } from './kit.mjs';

const input = { kind: 'image', dtype: 'u8', channels: 4 };
const resize = { technology: 'host', operation: 'resize', input: 'photo', output: 'small', params: { width: 8, height: 4 } };
const shrink = { name: 'shrink', inputs: { photo: input }, outputs: ['small'], stages: [resize] };
const masked = {
  name: 'masked', inputs: { photo: input, mask: { kind: 'mask' } }, outputs: ['cut', 'dark'],
  stages: [
    { technology: 'host', operation: 'apply_mask', inputs: ['photo', 'mask'], output: 'cut' },
    { technology: 'host', operation: 'vignette', input: 'cut', output: 'dark' },
  ],
};
const grey = (width, height, value = 100) =>
  new ImageData(new Uint8ClampedArray(width * height * 4).fill(value), width, height);

test('a pipeline from an object, with parameters', async () => {
  const pipeline = await Pipeline.load(shrink);
  assert.deepEqual([pipeline.name, pipeline.input, pipeline.output], ['shrink', 'photo', 'small']);
  const small = await pipeline.run(grey(32, 16));
  assert.ok(small instanceof ImageData);
  assert.deepEqual([small.width, small.height, small.data[0]], [8, 4, 100]);
  assert.deepEqual(pipeline.ledger.border, { bytes: 32 * 16 * 4 + 8 * 4 * 4, copies: 2 });
  assert.equal(pipeline.ledger.between.bytes, 0);
  const wide = await Pipeline.load(shrink, { arena: pipeline.arena, params: { 'resize.width': 20, '0.height': 10 } });
  assert.equal((await wide.run(grey(32, 16))).width, 20);
  assert.equal((await pipeline.run(grey(64, 64, 7))).data[5], 7); // another size is planned anew
  pipeline.arena.destroy();
});

test('a pipeline from a file, and errors that say where', async () => {
  mkdirSync(`${root}/build`, { recursive: true });
  writeFileSync(`${root}/build/shrink.json`, JSON.stringify(shrink));
  const arena = createZeroCopyPipeline();
  const pipeline = await Pipeline.load(`${root}/build/shrink.json`, { arena });
  assert.equal((await pipeline.run(grey(32, 16))).width, 8);
  await rejectsCode(Pipeline.load('no-such', { arena }), 'NOT_FOUND');
  await rejectsCode(Pipeline.load({ stages: 3 }, { arena }), 'PARSE');
  await rejectsCode(Pipeline.load(shrink, { arena, params: { 'resize.colour': 1 } }), 'INVALID_ARGUMENT');
  for (const wrong of [undefined, null, 3, '', 'a\0b'])
    await assert.rejects(Pipeline.load(wrong, { arena }), { name: 'TripointError' });
  for (const wrong of [null, 3, { arena: 3 }, { params: 3 }, { arena, params: { 'resize.width': {} } }])
    await rejectsCode(Pipeline.load(shrink, wrong), 'INVALID_ARGUMENT');
  throwsCode(() => new Pipeline(), 'INVALID_ARGUMENT');
  arena.destroy();
  await rejectsCode(pipeline.run(grey(32, 16)), 'BAD_HANDLE');
});

test('several inputs and outputs, of any kind', async () => {
  const pipeline = await Pipeline.load(masked);
  const mask = { data: new Float32Array(8 * 4).fill(0.5), shape: [4, 8, 1] };
  const { cut, dark } = await pipeline.run({ photo: grey(8, 4), mask }, { outputs: ['cut', 'dark'] });
  assert.equal(cut.data[3], 50);
  assert.equal(dark.data.length, cut.data.length);
  const { mask: back } = await pipeline.run({ photo: grey(8, 4), mask }, { outputs: ['mask'] });
  await rejectsCode(pipeline.run({ photo: grey(8, 4) }), 'INVALID_ARGUMENT');
  assert.deepEqual([back.shape, back.dataType, back.kind, back.data[5]], [[4, 8, 1], 'float32', 'mask', 0.5]);
  pipeline.arena.destroy();
});

test('frames run one at a time, in order', async () => {
  const pipeline = await Pipeline.load(shrink);
  const results = await Promise.all([1, 2, 3, 4, 5].map((value) => pipeline.run(grey(32 * value, 16, value))));
  assert.deepEqual(results.map((result) => result.data[0]), [1, 2, 3, 4, 5]);
  const [failed, fine] = await Promise.allSettled([pipeline.run(3), pipeline.run(grey(8, 8))]);
  assert.deepEqual([failed.status, fine.status], ['rejected', 'fulfilled']);
  const control = new AbortController();
  const aborted = pipeline.run(grey(1024, 1024), { signal: control.signal });
  control.abort();
  await rejectsCode(aborted, 'CANCELLED');
  pipeline.arena.destroy();
});

test('inputs that are none', async () => {
  const pipeline = await Pipeline.load(shrink);
  for (const wrong of [undefined, null, 3, {}, { photo: 3 }, { photo: { data: [1] } }, { wrong: grey(2, 2) },
    { data: new Uint8Array(16) }, { data: new Uint8Array(16), shape: [2, 2, 3] }, { data: new Float32Array(16), shape: [2, 2, 4] },
    { data: new Uint8Array(16), shape: 'abc' }, { data: new Uint8Array(4), shape: [1, 1, 4], dataType: 'bool' }])
    await assert.rejects(pipeline.run(wrong), { name: 'TripointError' });
  await rejectsCode(pipeline.run(grey(2, 2), { outputs: ['nothing'] }), 'NOT_FOUND');
  await rejectsCode(pipeline.run(grey(2, 2), { outputs: 'small' }), 'INVALID_ARGUMENT');
  assert.equal((await pipeline.run(grey(16, 16))).width, 8);
  pipeline.arena.destroy();
});

test('the shipped cutout is what ZeroCopyImagePipeline does', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const image = grey(64, 48);
  for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 31) >> 3;
  const cutout = await Pipeline.load('cutout-host');
  const other = new ZeroCopyImagePipeline({ pixels: 'host' });
  assert.deepEqual((await cutout.run(image)).data, (await other.processImage(image)).data);
  cutout.arena.destroy();
  other.arena.destroy();
});
