// Preloaded by `node --require`: prints the OpenTelemetry packages that the process has loaded, when it exits.
process.on('exit', () => {
  const packages = Object.keys(require.cache).flatMap(
    (file) => /node_modules\/(@opentelemetry\/[\w-]+)\//.exec(file)?.[1] ?? [],
  );
  process.stdout.write(`${JSON.stringify({ msg: 'loaded', packages: [...new Set(packages)] })}\n`);
});
