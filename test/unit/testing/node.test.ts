import { describe, expect, it } from 'vitest';
import { chooseNode } from '../../../src/testing/node.ts';

describe('the Node that runs the server', () => {
  const execPath = '/opt/node';

  it('is the one that runs the tests, when it can', () => {
    for (const version of ['24.0.0', '25.1.0'])
      expect(chooseNode({ version, execPath, pinned: '/pinned' })).toBe(execPath);
  });

  it('is the installed one else', () => {
    expect(chooseNode({ version: '22.9.1', execPath, pinned: '/pinned' })).toBe('/pinned');
  });

  it('has to be there', () => {
    expect(() => chooseNode({ version: '9.0.0', execPath, pinned: undefined })).toThrow(
      'strongroom needs Node.js 24 or newer to run its server, and this is v9.0.0. Run the tests with a newer one, or install one beside them: npm install --save-dev node@24',
    );
  });
});
