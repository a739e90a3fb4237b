/** Settings of both projects. */
const shared = {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  transform: {
    '^.+\\.m?[jt]sx?$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: true },
          transform: {
            react: { runtime: 'automatic', importSource: 'hono/jsx', throwIfNamespace: false },
          },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  transformIgnorePatterns: [
    '/node_modules/(?!(@noble/ciphers|@opentelemetry/otlp-exporter-base|oauth4webapi|jose|get-port|oidc-provider|openid-client|d3-[a-z-]+|internmap|string-width|strip-ansi|ansi-regex|get-east-asian-width)/)',
  ],
};

/** @type {import('jest').Config} */
module.exports = {
  // Three on two cores: integration tests wait for other processes and for clocks more than they compute.
  maxWorkers: 3,
  // A third of this is enough for the slowest test alone; the rest is for a busy machine.
  testTimeout: 120_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.integration\\.test\\.ts$'],
      setupFiles: ['<rootDir>/tests/support/no-engines.ts'],
    },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['**/*.integration.test.ts'],
      // `npm run ten-hours` runs for seven minutes and needs both cores for itself. An election needs a real replica set,
      // and `npm run try-image` a container engine.
      testPathIgnorePatterns: [
        '/node_modules/',
        ...(process.env.TEN_HOURS === undefined ? ['ten-hours\\.'] : []),
        ...(/[?&]replicaSet=/.test(process.env.EVERGRANT_TEST_MONGODB_URI ?? '')
          ? []
          : ['faults/election\\.']),
        ...(process.env.EVERGRANT_TEST_IMAGE === undefined ? ['deploy/image\\.'] : []),
      ],
      globalSetup: '<rootDir>/tests/support/global-setup.ts',
      globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
    },
  ],
};
