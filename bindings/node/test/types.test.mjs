import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { root, runNode, wants } from './kit.mjs';

const tsc = `${root}/node_modules/typescript/bin/tsc`;
const skip = !existsSync(tsc) && 'skipped because typescript is not installed (npm ci in bindings/node)';
const app = `${root}/build/app`;

// A program of its own that has the package among its modules.
function prepare(name, text) {
  rmSync(app, { recursive: true, force: true });
  mkdirSync(`${app}/node_modules/@webgpu`, { recursive: true });
  symlinkSync(root, `${app}/node_modules/tripoint`);
  symlinkSync(`${root}/node_modules/@webgpu/types`, `${app}/node_modules/@webgpu/types`);
  writeFileSync(`${app}/package.json`, '{"private": true, "type": "module"}');
  if (text) writeFileSync(`${app}/${name}`, text);
  else copyFileSync(`${root}/test/${name}`, `${app}/${name}`);
}

function compile(file, lib, types) {
  const compilerOptions = { strict: true, target: 'es2022', module: 'nodenext', lib, types };
  writeFileSync(`${app}/tsconfig.json`, JSON.stringify({ compilerOptions, files: [file] }));
  const child = spawnSync(process.execPath, [tsc, '-p', '.'], { cwd: app, encoding: 'utf8' });
  assert.equal(child.status, 0, child.stdout);
}

test('the sketch compiles as it is, and runs', { skip }, async (t) => {
  prepare('sketch.mts');
  compile('sketch.mts', ['es2022', 'dom'], ['@webgpu/types']);
  if (!(await wants(t, 'wasm', 'webgpu', 'webnn'))) return;
  const { status, stdout, stderr } = runNode([`${app}/sketch.mjs`]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '1228800 unmapped uint8 480x640x4 0\nmask\n64 48 12288\n');
});

test('the types stand without dom and without @webgpu/types', { skip }, () => {
  prepare('plain.mts', `import { createZeroCopyPipeline, ImageData, Pipeline, TripointError } from 'tripoint';
    const arena = createZeroCopyPipeline();
    const handle = arena.allocateShared(64, { shape: [4, 4, 4], dataType: 'uint8' });
    export const size: number = arena.getGPUView(handle).size + new ImageData(1, 1).width;
    export const code = (error: TripointError): boolean => error.code === 'BUSY';
    export const cut: Promise<ImageData> = Pipeline.load('cutout', { arena, params: { 'resize.filter': 'area' } })
      .then((pipeline) => pipeline.run(new ImageData(2, 2), { transfer: true }));
    export const both: Promise<Uint8Array> = Pipeline.load({ stages: [] })
      .then((pipeline) => pipeline.run({ mask: { data: new Float32Array(4), shape: [2, 2, 1] } }, { outputs: ['cut'] }))
      .then(({ cut }) => new Uint8Array(cut!.data.buffer));
    // @ts-expect-error: there is no such technology
    arena.executeZeroCopy([{ technology: 'cuda', operation: 'resize', input: handle, output: handle }]);
    // @ts-expect-error: nobody but an arena makes handles
    arena.freeShared({ size: 3 });
    arena.destroy();`);
  compile('plain.mts', ['es2022'], []);
});

test('the lock file names no registry', () => {
  assert.doesNotMatch(readFileSync(`${root}/package-lock.json`, 'utf8'), /"resolved"|https?:/);
});
