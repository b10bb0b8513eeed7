import { defineConfig } from 'vitest/config';

const conditions = ['source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // No test is about how long it takes: these end what hangs, on a machine that does much else beside it.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Most tests wait for processes and disks of their own: one core less would double the time on two.
    maxWorkers: '100%',
    // What tests leave in a temporary folder goes with the run.
    globalSetup: ['test/tidy/src/run-folder.ts'],
    include: ['packages/*/src/**/*.test.ts', 'connectors/*/src/**/*.test.ts', 'test/*/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/fixtures/**', '**/.tenon/**'],
  },
});
