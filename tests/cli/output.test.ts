/** Output of the CLI: colours only in a terminal, control characters nowhere. */
import { PassThrough } from 'node:stream';
import { coloured, createOutput } from '../../src/cli/output';

function printed(isTTY: boolean): string {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY,
    getColorDepth: () => 8,
  });
  const stdout = stream as unknown as NodeJS.WriteStream;
  createOutput(stdout, stdout, 'table').table(
    ['label', 'status'],
    [
      ['Harbour\u001b[2JBooks', 'expired'],
      [null, 'ok'],
    ],
    'none',
  );
  return String(stream.read());
}

it('table prints coloured statuses in a terminal', () => {
  expect(printed(true)).toContain('\u001b[31mexpired\u001b[39m');
});

it('table prints aligned columns without colours elsewhere and escapes control characters', () => {
  expect(printed(false)).toBe(
    [
      'label                  status',
      'Harbour\\u001b[2JBooks  expired',
      '–                      ok',
      '',
    ].join('\n'),
  );
});

it.each([true, false])(
  'line, remark and JSON escape control characters (terminal: %s)',
  (isTTY) => {
    const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
      isTTY,
      getColorDepth: () => 8,
    });
    const out = createOutput(
      stream as unknown as NodeJS.WriteStream,
      stream as unknown as NodeJS.WriteStream,
      'table',
    );
    const words = 'a\u202e\u001b[2J\u0085b';
    out.line(coloured('red', words), words);
    out.remark(words);
    out.pairs([['label', words]]);
    out.json({ words });
    out.jsonLine({ words });
    const text = String(stream.read());
    const shown = 'a\\u202e\\u001b[2J\\u0085b';
    expect(text.split(shown)).toHaveLength(7);
    for (const unseen of ['\u202e', '\u0085', '\u001b[2J']) expect(text).not.toContain(unseen);
    const [, line = ''] = /^(\{"words.*\})$/m.exec(text) ?? [];
    expect(JSON.parse(line)).toEqual({ words });
  },
);
