import { runEngine } from '../../src/engines/run-engine';
import { removeFolder, sayings, temporaryFolder } from './_setup';

/** Says what Temporal says where its port is taken, and ends as it does: with its stack. */
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

  const run = (programs: string[], say: (line: string) => void) =>
    runEngine<string>({
      name: 'Engine',
      way: 'a program',
      folder,
      say,
      readyWithinMs: 30_000,
      place: async () => programs.shift() ?? RUNS,
      // Its own folder is named: by that it is known again.
      command: (program) => ({ command: process.execPath, args: ['-e', program, folder] }),
      probe: async (program) => {
        if (program !== RUNS) throw new Error('it does not answer');
      },
    });

  it('tries another port if one was taken in the meantime, however much the engine says after that', async () => {
    const { say, lines } = sayings();
    const engine = await run([PORT_TAKEN], say);
    await engine.stop();
    expect(engine.where).toBe(RUNS);
    expect(lines).toEqual(['Engine: somebody took its port just now, trying another']);
  });

  it('gives up after three, with the end of the log', async () => {
    const programs = [PORT_TAKEN, PORT_TAKEN, PORT_TAKEN];
    await expect(run(programs, () => {})).rejects.toThrow(/exit code 2[^]*fx\.go:99$/);
  });

  it('does not try again what ends for another reason', async () => {
    const ended = run([`console.error('no space left'); process.exit(1)`], () => {});
    await expect(ended).rejects.toThrow(/exit code 1[^]*no space left$/);
  });
});
