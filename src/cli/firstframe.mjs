/** Starts `main.ts`, or says what is wrong where Node cannot run TypeScript. Plain JavaScript, for any Node. */

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  await import('./main.ts');
} else {
  console.error(
    `✗ Node ${process.versions.node} is too old: 22.18 or later is needed, and npm install brings one along.`,
  );
  console.error(
    '  Start this through npm (npm start, npm run demo). If you did, its install script was kept from',
  );
  console.error('  running: "npm rebuild node" runs it.');
  process.exitCode = 1;
}
