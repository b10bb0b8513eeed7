import { answering } from './answering.ts';

// The floor: the same HTTP front in one process, which reads the JSON and keeps nothing.
console.log(`ready ${await answering((body) => void JSON.parse(body))}`);
