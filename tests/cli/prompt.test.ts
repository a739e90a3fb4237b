/** The question for a secret: its answer never appears on the terminal. */
import { PassThrough } from 'node:stream';
import { askHidden } from '../../src/cli/prompt';

function terminal() {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => modes.push(isRaw),
  });
  const output = new PassThrough({ encoding: 'utf8' });
  return { input, output, modes, shown: () => String(output.read()) };
}

it('reads the answer without an echo and restores the terminal', async () => {
  const { input, output, modes, shown } = terminal();
  const asked = askHidden('API key: ', input, output);
  input.write('evg_secret');
  input.write('\r');
  await expect(asked).resolves.toBe('evg_secret');
  expect(shown()).toBe('API key: \n');
  expect(modes).toEqual([true, false]);
});

it('an input that ends without an answer is empty', async () => {
  const { input, output, shown } = terminal();
  const asked = askHidden('API key: ', input, output);
  input.end();
  await expect(asked).resolves.toBe('');
  expect(shown()).toBe('API key: \n');
});
