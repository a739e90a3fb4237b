/** The limit of concurrent work per client. */
import { Turns } from '../../../src/services/access/turns';

/** Work that the test ends. */
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

it('runs a bounded number of one client’s tasks, in arrival order', async () => {
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

it('runs the work of another client meanwhile', () => {
  const turns = new Turns(1);
  const { begun, work } = held();
  void turns.take('one', work('a'));
  void turns.take('one', work('b'));
  void turns.take('other', work('c'));
  expect(begun).toEqual(['a', 'c']);
});

it('continues after failed work', async () => {
  const turns = new Turns(1);
  const failing = turns.take('one', () => Promise.reject(new Error('no')));
  const next = turns.take('one', () => Promise.resolve('done'));
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});
