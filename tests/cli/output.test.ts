/** Colours are for people at a terminal; whatever is piped or redirected gets none. */
import { PassThrough } from 'node:stream';
import { createOutput } from '../../src/cli/output';

function printed(isTTY: boolean): string {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY,
    getColorDepth: () => 8,
  });
  const stdout = stream as unknown as NodeJS.WriteStream;
  createOutput(stdout, stdout).table(
    ['label', 'status'],
    [
      ['Harbour\u001b[2JBooks', 'expired'],
      [null, 'ok'],
    ],
    'none',
  );
  return String(stream.read());
}

it('a table has coloured statuses in a terminal', () => {
  expect(printed(true)).toContain('\u001b[31mexpired\u001b[39m');
});

it('a table is plain elsewhere, its columns in line, and other people’s words steer no terminal', () => {
  expect(printed(false)).toBe(
    'label             status\nHarbour [2JBooks  expired\n–                 ok\n',
  );
});
