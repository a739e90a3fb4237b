/**
 * Finds wording that readers must look up or read twice, in comments, messages and documents: home-made words that have
 * a name in the field, and sentences whose subject comes late. `npx --no tsx scripts/plain-english.ts [path…]`; without a path, all
 * tracked files. Exits with 1 if it found something.
 */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import jsTokens from 'js-tokens';

interface Text {
  line: number;
  text: string;
  /** Follows a placeholder of a template, so its beginning is not the beginning of a sentence. */
  isPart?: boolean;
}

export interface Find {
  line: number;
  sentence: string;
  why: string;
}

/** Home-made words, with the word to use instead. */
const WORDS: readonly [RegExp, string][] = [
  [/(?<!-)\blanes?\b|^Lanes?\b/, 'OAuth app limiter'],
  [/\bparked\b/i, 'open (credentials)'],
  [/\bat ease\b/i, 'healthy'],
  [/\b(hand|hands|handed|handing)[- ]outs?\b/i, 'token access; serve'],
  [/\bpermits\b(?! (the|a|an|it|no|this|that|only|requests|each|every|up)\b)/i, 'acquisitions'],
  [/\bpromotes? (a|the) leaf\b|\bleaf\b/i, 'orphaned grant'],
  [/\bsettlements?\b|\bsettles? (an|the) attempt\b/i, 'record the failure and its effects'],
  [/\b(refresh token|grant|it) (is|was) spent\b|\bspent (refresh token|grant)\b/i, 'used'],
  [/\bcustody\b/i, 'key registry'],
  [/\bheart ?beat of custody\b/i, 'heartbeat'],
  [/\bits clocks\b|\bthe account's clocks\b/i, 'due times'],
  [/\bsteer(s|ed|ing)?\b/i, 'control'],
  [/\bon trial\b/i, 'in demo mode'],
  [/\bin company\b/i, 'batched'],
  [/\bovertaken\b/i, 'superseded'],
  [/\bbegun before\b/i, 'already claimed'],
  [/\bconnect(s|ed|ing)?( the account| it)? again\b/i, 'reconnect'],
  [/\b(is|are|was|were) told\b/i, 'receives; is notified'],
  [/\bgoes on\b|\bgo on\b|\bwent on\b|\bgoing on\b/i, 'continues'],
  [/\b(is|are|was|were) away\b/i, 'is unreachable'],
  [/\bhas not got\b|\bhave not got\b/i, 'has no'],
  [/\b(is|are) tried again\b/i, 'retries'],
  [/\bof (its|their|his|her) own\b/i, 'its own …; a separate …'],
  [/\bwhoever\b|\bwhomever\b/i, 'the caller; the operator'],
  [/\bnobody'?s?\b/i, 'no caller; no process'],
  [/\bsomebody'?s?\b/i, 'a person; another caller'],
  [/\bunder way\b/i, 'in progress'],
  [/\bin words for people\b/i, 'readable'],
  [/\b(hand|hands|handed|handing) in\b(?! hand)/i, 'enter; send'],
  [/\b(account|app|provider|server)s? in trouble\b/i, 'has an incident'],
  [/\b(is|are) no (number|text|list|URL|JSON|YAML|key|object|file|name|host|address|secret|word|date)\b/i, 'is not a …'],
  [/\bstands? (here|there)\b/i, 'is stored; is written'],
  [/\b(is|are) through\b/i, 'has finished'],
  [/\ball the same\b/i, 'nevertheless'],
];
/** Documents are written without contractions; code may quote them from servers. */
const CONTRACTION =
  /\b(?:do|does|did|is|are|was|were|has|have|had|can|could|wo|would|should)n['’]t\b|\b(?:it|that|there|what|who)['’]s\b/i;

/** Openings that hide the subject. A question may begin with "What" or "Who". */
const OPENINGS = [
  /^(What|Who|Which|Whom)\b(?!.*\?)/,
  /^(Whatever|Whichever|Whose)\b/,
  /^Those\b/,
  /^So (long|many|much|few|far|often)\b/,
  /^For (so long|who|whom|whose|those)\b/,
  /^Of (a|an|the|all|each|every|one|those|two)\b/,
  /^By (id|itself|hand|name) alone\b/,
  /^One (that|who|whose|which)\b/,
  /^(None|Nothing|All|Any) (that|who|whose) (?=.* (is|are) (not )?)/,
  /^Its? (is|was) (said|told|asked|seen)\b/,
];

/** Files whose comments begin with `#`. */
const HASH_COMMENTS = /\.(ya?ml|sh|toml)$|(^|\/)Dockerfile$|(^|\/)\.env\.example$|^\.ci\/|^\.githooks\//;
const IGNORED = /^(tests\/histories\/|package-lock\.json|LICENSE|CODE_OF_CONDUCT\.md|scripts\/plain-english\.ts|tests\/scripts\/plain-english)/;

/** Returns the texts of a file that people read. */
function textsOf(path: string, content: string): Text[] {
  if (/\.(ts|tsx|js|cjs|mjs|java)$/.test(path)) return codeTexts(content, path.endsWith('x'));
  if (path.endsWith('.md')) return paragraphs(content);
  if (HASH_COMMENTS.test(path)) return hashComments(content);
  return [];
}

function codeTexts(content: string, jsx: boolean): Text[] {
  const texts: Text[] = [];
  let line = 1;
  let comment: (Text & { end: number }) | null = null;
  for (const { type, value } of jsTokens(content, { jsx })) {
    const isComment = type.endsWith('Comment');
    if (isComment) {
      const text = value.replace(/^\/\*+|\*+\/$|^\/\/+/g, '').replace(/^\s*\*( |$)/gm, '');
      // Line comments in a row are one text.
      if (comment !== null && type === 'SingleLineComment' && comment.end === line - 1) {
        comment.text += ` ${text.trim()}`;
        comment.end = line;
      } else {
        comment = { line, end: line, text };
        texts.push(comment);
      }
    } else if (/^(StringLiteral|NoSubstitutionTemplate|Template(Head|Middle|Tail)|JSXText|JSXString)$/.test(type)) {
      const text = value.replace(/^['"`}]|['"`]$|\$\{$/g, '');
      if (text.trim().split(/\s+/).length >= 3) texts.push({ line, text, isPart: /^Template(Middle|Tail)$/.test(type) });
    }
    line += value.split('\n').length - 1;
  }
  return texts;
}

function paragraphs(content: string): Text[] {
  const texts: Text[] = [];
  let open: Text | null = null;
  let fenced = false;
  content.split('\n').forEach((row, index) => {
    if (/^\s*(```|~~~)/.test(row)) fenced = !fenced;
    const ends = fenced || /^\s*$|^\s*(```|~~~)|^#|^\s*<|^\[.*\]:/.test(row);
    if (ends) {
      open = null;
      return;
    }
    if (open === null || /^\s*([-*+]|\d+\.) |^\|/.test(row)) {
      open = { line: index + 1, text: '' };
      texts.push(open);
    }
    open.text += ` ${row.replace(/^\s*([-*+]|\d+\.) |^> /, '').trim()}`;
  });
  return texts.flatMap(({ line, text }) =>
    text.trim().startsWith('|') ? text.split('|').map((cell) => ({ line, text: cell })) : [{ line, text }],
  );
}

function hashComments(content: string): Text[] {
  const texts: Text[] = [];
  let open: Text | null = null;
  content.split('\n').forEach((row, index) => {
    const text = /(?:^|\s)#\s?(.*)$/.exec(row)?.[1];
    if (text === undefined || row.startsWith('#!')) open = null;
    else if (open !== null && /^\s*#/.test(row)) open.text += ` ${text}`;
    else {
      open = { line: index + 1, text };
      texts.push(open);
    }
  });
  return texts;
}

const sentencesOf = (text: string) =>
  text
    .replace(/`[^`]*`|https?:\/\/\S+/g, '`code`')
    .replace(/@(?:param \w+|returns|throws|see)\b/g, '\n\n')
    .split(/(?<=[.!?:])\s+(?=[A-Z"“*])|\n\s*\n/)
    .map((one) => one.replace(/\s+/g, ' ').replace(/^[\s*"“(]+/, '').trim());

export function findsIn(path: string, content: string): Find[] {
  return textsOf(path, content).flatMap(({ line, text, isPart }) =>
    sentencesOf(text).flatMap((sentence, index) => {
      const word = WORDS.find(([pattern]) => pattern.test(sentence));
      if (word !== undefined) return [{ line, sentence, why: `instead: ${word[1]}` }];
      if (path.endsWith('.md') && CONTRACTION.test(sentence))
        return [{ line, sentence, why: 'no contractions in documents' }];
      const isWhole = !(isPart && index === 0);
      if (isWhole && OPENINGS.some((pattern) => pattern.test(sentence)))
        return [{ line, sentence, why: 'begin with the subject' }];
      return [];
    }),
  );
}

/** A deleted file is still tracked, and a link leads to a file that is read anyway. */
function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function main(paths: readonly string[]): void {
  const tracked = execFileSync('git', ['ls-files', ...paths], { encoding: 'utf8' }).split('\n');
  let count = 0;
  for (const path of tracked.filter((one) => isFile(one) && !IGNORED.test(one))) {
    for (const { line, sentence, why } of findsIn(path, readFileSync(path, 'utf8'))) {
      count += 1;
      process.stdout.write(`${path}:${line}: ${sentence.slice(0, 140)} (${why})\n`);
    }
  }
  process.stdout.write(
    count === 0 ? 'plain English: nothing found\n' : `plain English: ${count} found\n`,
  );
  if (count > 0) process.exitCode = 1;
}

if (require.main === module) main(process.argv.slice(2));
