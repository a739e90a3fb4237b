/**
 * Returns the processor time that this process has used, in ms. Guards against quadratic work compare it with a bound:
 * unlike elapsed time, it does not grow when other processes load the machine.
 */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
