/** Starts of an embedded server: retries with another port, and failures. */
import { runEngine } from '../../src/engines/run-engine';
import { collectedLines, removeFolder, temporaryFolder } from './_setup';

/** Prints the error of Temporal for a port in use, followed by a stack, and exits. */
const PORT_TAKEN = `
  console.error('msg="Failed to start gRPC listener" error="listen tcp 127.0.0.1:1: bind: address already in use"');
  for (let n = 0; n < 100; n += 1) console.error('    /go/pkg/mod/server/fx.go:' + n);
  process.exit(2);`;
const RUNS = 'setInterval(() => {}, 1000)';

describe('runEngine', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => removeFolder(folder));

  const run = (programs: string[], log: (line: string) => void) =>
    runEngine<string>({
      name: 'Engine',
      strategy: 'a program',
      folder,
      log,
      readyWithinMs: 30_000,
      place: async () => programs.shift() ?? RUNS,
      // The command line contains the folder, which identifies the process.
      command: (program) => ({ command: process.execPath, args: ['-e', program, folder] }),
      probe: async (program) => {
        if (program !== RUNS) throw new Error('it does not answer');
      },
    });

  it('tries another port if one is in use, even with a long log after the error', async () => {
    const { log, lines } = collectedLines();
    const engine = await run([PORT_TAKEN], log);
    await engine.stop();
    expect(engine.where).toBe(RUNS);
    expect(lines).toEqual(['Engine: another process took the port, trying another port']);
  });

  it('fails after three attempts with the end of the log', async () => {
    const programs = [PORT_TAKEN, PORT_TAKEN, PORT_TAKEN];
    await expect(run(programs, () => {})).rejects.toThrow(/exit code 2[^]*fx\.go:99$/);
  });

  it('does not retry after another error', async () => {
    const ended = run([`console.error('no space left'); process.exit(1)`], () => {});
    await expect(ended).rejects.toThrow(/exit code 1[^]*no space left$/);
  });
});
