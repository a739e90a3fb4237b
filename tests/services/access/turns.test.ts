/** How much work of one client is under way at once. */
import { Turns } from '../../../src/services/access/turns';

/** Work that ends when it is told to. */
function held() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    work: (name: string) => () =>
      new Promise<void>((resolve) => {
        begun.push(name);
        ends.set(name, resolve);
      }),
    end: (name: string) => ends.get(name)?.(),
  };
}

it('lets a bounded number of one client’s work run, in the order in which it came', async () => {
  const turns = new Turns(2);
  const { begun, work, end } = held();
  const all = ['a', 'b', 'c', 'd'].map(async (name) => turns.take('one', work(name)));
  expect(begun).toEqual(['a', 'b']);
  end('b');
  await all[1];
  expect(begun).toEqual(['a', 'b', 'c']);
  end('a');
  await all[0];
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  end('c');
  end('d');
  await Promise.all(all);
});

it('lets another client’s work run meanwhile', () => {
  const turns = new Turns(1);
  const { begun, work } = held();
  void turns.take('one', work('a'));
  void turns.take('one', work('b'));
  void turns.take('other', work('c'));
  expect(begun).toEqual(['a', 'c']);
});

it('goes on after work that failed', async () => {
  const turns = new Turns(1);
  const failing = turns.take('one', () => Promise.reject(new Error('no')));
  const next = turns.take('one', () => Promise.resolve('done'));
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});
