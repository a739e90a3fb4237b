/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  globalSetup: '<rootDir>/tests/support/global-setup.ts',
  globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
  // Of the slowest alone a third; the rest is for a machine on which much else goes on.
  testTimeout: 120_000,
  // Seven minutes that say nothing beside other tests on two cores: `npm run ten-hours`.
  testPathIgnorePatterns: [
    '/node_modules/',
    ...(process.env.TEN_HOURS === undefined ? ['ten-hours\\.test'] : []),
  ],
  maxWorkers: 2,
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
    '/node_modules/(?!(@noble/ciphers|oauth4webapi|jose|get-port|oidc-provider|openid-client|d3-[a-z-]+|internmap)/)',
  ],
};
