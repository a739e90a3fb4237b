import { findsIn } from '../../scripts/plain-english';

const why = (path: string, content: string) =>
  findsIn(path, content).map(({ why: reason }) => reason);

describe('the check for plain English', () => {
  it.each([
    ['a comment', 'a.ts', '// Whoever asks from now on is refused.\n'],
    ['a docstring', 'a.ts', '/** What was read counts for 5 s. */\nconst a = 1;\n'],
    [
      'a parameter of a docstring',
      'a.ts',
      '/**\n * Reads it.\n * @param a What was asked for\n */\n',
    ],
    ['a message', 'a.ts', "throw new Error('Those that are not stored are left out.');\n"],
    ['a template', 'a.ts', 'const a = `The refresh of ${id} goes on until MongoDB answers`;\n'],
    ['text on a page', 'a.tsx', 'const a = <p>The lane is open for all.</p>;\n'],
    [
      'a paragraph of a document',
      'a.md',
      '# Title\n\nThe token is valid. So long it\nlasts, it is served.\n',
    ],
    ['a cell of a table', 'a.md', '| a | Whose it is, nobody knows |\n'],
    ['a comment of a configuration', 'a.yaml', 'a: 1 # one of its own\n'],
    ['a contraction in a document', 'a.md', "A token isn't refreshed twice.\n"],
    ['a hint of a form', 'a.ts', "const hint = 'looks URL-encoded: hand in the decoded text';\n"],
    ['an error about a value', 'a.ts', "const error = 'the claim is no number';\n"],
    ['a comment in Java', 'A.java', '/** Of a batch, the first row. */\nclass A {}\n'],
  ])('finds home-made words and late subjects in %s', (_, path, content) => {
    expect(why(path, content)).toHaveLength(1);
  });

  it('names the line, and the word to use instead', () => {
    expect(findsIn('a.ts', 'const a = 1;\n\n// The account must be connected again.\n')).toEqual([
      { line: 3, sentence: 'The account must be connected again.', why: 'instead: reconnect' },
    ]);
  });

  it.each([
    [
      'a plain sentence',
      'a.ts',
      '// Retries after a 503, because the provider may be restarting.\n',
    ],
    ['a question', 'a.md', 'What does a refresh cost?\n'],
    ['code', 'a.md', 'The file `whoever.ts` is gone.\n\n```sh\n# goes on\n```\n'],
    ['a quoted message of a server', 'a.ts', 'const quote = "Session doesn\'t have a client";\n'],
    ['an identifier', 'a.ts', "const lane = read('lane');\n"],
    ['a name', 'a.ts', "const shop = 'Lantern Lane at lantern-lane.example';\n"],
  ])('accepts %s', (_, path, content) => {
    expect(why(path, content)).toEqual([]);
  });
});
