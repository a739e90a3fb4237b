import { firstStrategyThatWorks, NoStrategyWorked } from '../../src/engines/strategies';
import { sayings } from './_setup';

const works = (name: string) => ({ name, find: async () => `found by ${name}` });
const refuses = (name: string, reason: string) => ({
  name,
  find: async (): Promise<string> => {
    throw new Error(reason);
  },
});

describe('firstStrategyThatWorks', () => {
  it('takes the first way that works and says one line for each before it', async () => {
    const { say, lines } = sayings();
    const strategies = [refuses('PATH', 'not\n there'), works('cache'), works('build')];
    const result = await firstStrategyThatWorks('Engine', strategies, 'Install it.', say);
    expect(result).toEqual({ way: 'cache', found: 'found by cache' });
    expect(lines).toEqual(['Engine: PATH: not there']);
  });

  it('lists all strategies, their reasons and what to install if none works', async () => {
    const strategies = [refuses('PATH', 'not there'), refuses('build', 'no compiler')];
    const failure = firstStrategyThatWorks('Engine', strategies, 'Install it.', () => {});
    await expect(failure).rejects.toThrow(NoStrategyWorked);
    await expect(failure).rejects.toThrow(
      'Engine could not be started. These ways were tried, in order:\n  - PATH: not there\n  - build: no compiler\nInstall it.',
    );
  });
});
