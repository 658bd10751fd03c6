import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { root, runNode, wants } from './kit.mjs';

const example = readFileSync(`${root}/README.md`, 'utf8').match(/```js\n([^]*?)```/)[1];

test('the example of the README has ten lines', () => {
  assert.equal(example.trimEnd().split('\n').length, 10);
});

test('the example of the README runs and says what it claims', async (t) => {
  if (!(await wants(t, 'webgpu', 'webnn'))) return;
  writeFileSync(`${root}/build/example.mjs`, example);
  const { status, stdout, stderr } = runNode(['build/example.mjs']);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '640 × 480: 0 bytes copied between stages, 2457600 at the border\n');
});
