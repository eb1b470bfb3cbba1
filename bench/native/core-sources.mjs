/** Prints the C++ files of the token, relative to this folder, for binding.gyp beside it. */
import { nativeFiles } from '../../scripts/native-sources.mjs';

const isToken = (path) => /^native\/(cryptoki|token)\//.test(path);
console.log(
  nativeFiles('.cc')
    .filter(isToken)
    .map((path) => `../../${path}`)
    .join('\n'),
);
