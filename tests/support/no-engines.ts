/** Runs before each unit test file: the project `unit` starts no server, so a test that needs one must fail. */
function refuse(): never {
  throw new Error(
    'This unit test needs an engine, and none is started for unit tests. Rename its file to *.integration.test.ts.',
  );
}

// The module with the servers' addresses, which all tests that use servers import.
jest.mock('./engines', refuse);
// The start of a server for a single test.
jest.mock('../../src/engines/run-engine', () => ({
  ...jest.requireActual<object>('../../src/engines/run-engine'),
  runEngine: refuse,
}));
