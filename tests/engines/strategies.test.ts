/** The order of strategies and the message if none works. */
import { firstStrategyThatWorks, NoStrategyWorked } from '../../src/engines/strategies';
import { collectedLines } from './_setup';

const works = (name: string) => ({ name, find: async () => `found by ${name}` });
const refuses = (name: string, reason: string) => ({
  name,
  find: async (): Promise<string> => {
    throw new Error(reason);
  },
});

describe('firstStrategyThatWorks', () => {
  it('uses the first strategy that works and logs each earlier failure in one line', async () => {
    const { log, lines } = collectedLines();
    const strategies = [refuses('PATH', 'not\n there'), works('cache'), works('build')];
    const result = await firstStrategyThatWorks('Engine', strategies, 'Install it.', log);
    expect(result).toEqual({ strategy: 'cache', found: 'found by cache' });
    expect(lines).toEqual(['Engine: PATH cannot be used: not there']);
  });

  it('lists all strategies, their reasons and the programs to install if none works', async () => {
    const strategies = [refuses('PATH', 'not there'), refuses('build', 'no compiler')];
    const failure = firstStrategyThatWorks('Engine', strategies, 'Install it.', () => {});
    await expect(failure).rejects.toThrow(NoStrategyWorked);
    await expect(failure).rejects.toThrow(
      'Engine could not be started. Evergrant tried, in this order:\n  - PATH: not there\n  - build: no compiler\nInstall it.',
    );
  });
});
