import { Grouped } from '../../../src/store/mongo/batched';

/** Records calls, and completes them on request. */
class Recorder {
  readonly calls: string[][] = [];
  readonly #open: (() => void)[] = [];

  async record(inputs: readonly string[]): Promise<string[]> {
    this.calls.push([...inputs]);
    await new Promise<void>((resolve) => {
      this.#open.push(resolve);
    });
    if (inputs.includes('bad')) throw new Error('cannot be done');
    return inputs.map((input) => `${input}!`);
  }

  /** Completes calls in flight, and those that follow, until none is left. */
  async drain(): Promise<void> {
    for (let next = this.#open.shift(); next !== undefined; next = this.#open.shift()) {
      next();
      await new Promise(setImmediate);
    }
  }
}

let recorder: Recorder;
let grouped: Grouped<string, string>;
beforeEach(() => {
  recorder = new Recorder();
  grouped = new Grouped(
    async (input) => (await recorder.record([input]))[0] ?? '',
    (inputs) => recorder.record(inputs),
  );
});

async function callAll(inputs: string[]): Promise<PromiseSettledResult<string>[]> {
  const outcomes = Promise.allSettled(inputs.map((input) => grouped.call(input)));
  await recorder.drain();
  return outcomes;
}
const done = (inputs: string[]) =>
  inputs.map((input) => ({ status: 'fulfilled', value: `${input}!` }));

it('runs a single call at once, and batches the calls that arrive during it', async () => {
  expect(await callAll(['a', 'b', 'c'])).toEqual(done(['a', 'b', 'c']));
  expect(recorder.calls).toEqual([['a'], ['b', 'c']]);
  expect(await callAll(['d'])).toEqual(done(['d']));
  expect(recorder.calls.at(-1)).toEqual(['d']);
});

it('limits a batch to a hundred calls', async () => {
  const inputs = Array.from({ length: 202 }, (_, index) => `${index}`);
  expect(await callAll(inputs)).toEqual(done(inputs));
  expect(recorder.calls.map((call) => call.length)).toEqual([1, 100, 100, 1]);
});

it('repeats the calls of a failed batch one by one, so that only the faulty one fails', async () => {
  const outcomes = await callAll(['a', 'b', 'bad', 'c']);
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  expect(recorder.calls).toEqual([['a'], ['b', 'bad', 'c'], ['b'], ['bad'], ['c']]);
  expect(await callAll(['d', 'e'])).toEqual(done(['d', 'e']));
});

it('repeats no call of a batch with a final error', async () => {
  grouped = new Grouped(
    async (input) => (await recorder.record([input]))[0] ?? '',
    (inputs) => recorder.record(inputs),
    () => true,
  );
  const outcomes = await callAll(['a', 'b', 'bad']);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(recorder.calls).toEqual([['a'], ['b', 'bad']]);
  expect(await callAll(['d', 'e'])).toEqual(done(['d', 'e']));
});
