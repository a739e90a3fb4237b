/** Reads the memory and the CPU time of a process from Linux. */
import { readdirSync, readFileSync } from 'node:fs';

const KILOBYTES_OF_MB = 1024;
/** Ticks per second in `/proc`; 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;

function status(pid: number, member: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${member}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / KILOBYTES_OF_MB;
}

/** The resident memory of the process now. */
export function residentMb(pid: number): number {
  return status(pid, 'VmRSS');
}

/** The peak resident memory of the process. */
export function peakResidentMb(pid: number): number {
  return status(pid, 'VmHWM');
}

/** The members of `/proc/<pid>/stat` from the third one; the second may contain any characters. */
function stat(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function cpuSeconds(pid: number): number {
  const [user, system] = [stat(pid)[11], stat(pid)[12]];
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** The descendants of the process whose command line matches. */
export function descendants(pid: number, commandLine: RegExp): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      parents.set(Number(name), Number(stat(Number(name))[1]));
    } catch {
      // The process has ended meanwhile.
    }
  }
  const isBelow = (one: number): boolean => {
    const parent = parents.get(one);
    return parent !== undefined && (parent === pid || isBelow(parent));
  };
  return [...parents.keys()].filter(
    (one) => isBelow(one) && commandLine.test(readFileSync(`/proc/${one}/cmdline`, 'utf8')),
  );
}
