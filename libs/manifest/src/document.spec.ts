import { describe, expect, it } from 'vitest';
import { parseManifests } from './document.ts';
import { formatManifestError } from './problem.ts';

const read = (text: string) => parseManifests([{ file: 'a.yaml', text }]);
const errorLines = (text: string) => read(text).errors.map(formatManifestError);

describe('manifests', () => {
  it('are read from all documents of all files, empty ones left out', () => {
    const { manifests, errors } = parseManifests([
      { file: 'a.yaml', text: '---\n# nothing\n---\napiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Node\n---\n' },
      { file: 'b.json', text: '{"apiVersion":"v1","kind":"Namespace"}' },
      { file: 'c.yaml', text: '' },
    ]);
    expect(errors).toEqual([]);
    expect(manifests.map(({ file, document, kind }) => [file, document, kind])).toEqual([
      ['a.yaml', 2, 'Pod'],
      ['a.yaml', 3, 'Node'],
      ['b.json', 1, 'Namespace'],
    ]);
  });

  it('of a List are unpacked, and members of a typed list may leave out their kind', () => {
    const { manifests } = read(
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- {apiVersion: v1, kind: PodList, items: [{metadata: {name: a}}]}\n',
    );
    expect(manifests.map(({ kind, value }) => [kind, value])).toEqual([
      ['Pod', { apiVersion: 'v1', kind: 'Pod' }],
      ['Pod', { metadata: { name: 'a' } }],
    ]);
  });

  it('mean what they mean to kubectl: YAML 1.1 with merge keys, without times and dates', () => {
    const [manifest] = read(
      'apiVersion: v1\nkind: X\nbase: &b {k: 1}\nmerged: {<<: *b, l: 2}\nmode: 0644\non: yes\ntime: 22:22\ndate: 2024-01-01\nmac: 01:02:03:04:05:06\n',
    ).manifests;
    expect(manifest?.value).toMatchObject({
      merged: { k: 1, l: 2 },
      mode: 420,
      true: true,
      time: '22:22',
      date: '2024-01-01',
      mac: '01:02:03:04:05:06',
    });
  });

  it('place a problem at the key it names, at the nearest text when the field is missing, and through aliases and lists', () => {
    const text =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: X\n  base: &b\n    k: 1\n  copy: *b\n  list:\n  - one\n  - two\n';
    const [manifest] = read(text).manifests;
    const at = (...path: (string | number)[]) => {
      const { line, column, path: written } = manifest!.errorAt({ path, message: 'm', expected: 'e' });
      return [line, column, written];
    };
    expect(at('kind')).toEqual([5, 3, 'items[0].kind']);
    expect(at('base', 'k')).toEqual([7, 5, 'items[0].base.k']);
    expect(at('copy', 'k')).toEqual([7, 5, 'items[0].copy.k']);
    expect(at('list', 1)).toEqual([11, 5, 'items[0].list[1]']);
    expect(at('base', 'missing')).toEqual([6, 3, 'items[0].base.missing']);
    expect(at()).toEqual([4, 3, 'items[0]']);
  });

  it.each([
    [
      'a: [1',
      'a.yaml:1:6: document 1: Flow sequence in block collection must be sufficiently indented and end with a ]; expected valid YAML',
    ],
    ['kind: Pod\nkind: Pod\n', 'a.yaml:2:1: document 1, kind: written twice; expected each field once'],
    [
      'kind: List\napiVersion: v1\nitems:\n- {a: {b: 1,\n  b: 2}}',
      'a.yaml:5:3: document 1, items[0].a.b: written twice; expected each field once',
    ],
    ['kind: Pod\n\tname: x', 'a.yaml:2:1: document 1: Tabs are not allowed as indentation; expected valid YAML'],
    [
      'kind: Pod\napiVersion: v1\nspec: [*x]',
      'a.yaml:3:8: document 1, spec[0]: no anchor "x" before it; expected &x further up in this document',
    ],
    ['kind: Pod\nname: a\0b', 'a.yaml:2:8: document 1: found the control character "\\u0000"; expected YAML in UTF-8'],
    ['kind: List\napiVersion: v1', 'a.yaml:1:1: document 1, items: found nothing; expected a list of objects'],
    ['- a', 'a.yaml:1:1: document 1: found a list; expected a Kubernetes object: fields apiVersion, kind, metadata …'],
    ['just text', 'a.yaml:1:1: document 1: found string "just text"; expected a Kubernetes object: fields apiVersion, kind, metadata …'],
    ['apiVersion: v1', 'a.yaml:1:1: document 1, kind: found nothing; expected the kind of the object, such as Pod'],
    ['kind: 1\napiVersion: v1', 'a.yaml:1:1: document 1, kind: found number 1; expected the kind of the object, such as Pod'],
    ['kind: Pod', 'a.yaml:1:1: document 1, apiVersion: found nothing; expected the API version of the object, such as v1'],
    ['kind: List\napiVersion: v1\nitems: {}', 'a.yaml:3:1: document 1, items: found an object; expected a list of objects'],
    [
      'kind: List\napiVersion: v1\nitems: [3]',
      'a.yaml:3:9: document 1, items[0]: found number 3; expected a Kubernetes object: fields apiVersion, kind, metadata …',
    ],
  ])('%j is refused with its place', (text, line) => {
    expect(errorLines(text)).toContain(line);
  });

  it('are read with a byte order mark, at the beginning and where files were joined, with any line ends, and JSON with tabs', () => {
    const { manifests, errors } = read(
      '\ufeffapiVersion: v1\r\nkind: Pod\r\n---\r\n\ufeffapiVersion: v1\r\nkind: Node\r\n---\n{\n\t"apiVersion": "v1",\n\t"kind": "Namespace"\n}\n',
    );
    expect(errors).toEqual([]);
    expect(manifests.map(({ kind }) => kind)).toEqual(['Pod', 'Node', 'Namespace']);
  });

  it('report a field that is written twice, and hold what else the document says', () => {
    const { manifests, errors } = read('apiVersion: v1\nkind: Pod\nspec: {a: 1, a: 2}\n');
    expect(errors).toHaveLength(1);
    expect(manifests.map(({ kind }) => kind)).toEqual(['Pod']);
  });

  it('are refused beyond 8 MiB of text, before anybody waits for them', () => {
    const text = 'apiVersion: v1\nkind: Pod\n---\n'.repeat(300_000);
    expect(errorLines(text)).toEqual(['a.yaml:1:1: document 1: 9 MiB of text; expected at most 8 MiB in one file']);
  });

  it('report an error of one document beside the manifests of the others', () => {
    const { manifests, errors } = read('apiVersion: v1\nkind: Pod\n---\nkind: [\n---\napiVersion: v1\nkind: Node\n');
    expect(manifests.map(({ kind }) => kind)).toEqual(['Pod', 'Node']);
    expect(errors.map(({ document }) => document)).toContain(2);
  });

  it('turn alias bombs, circles and absurd nesting into errors', () => {
    const level = (n: number) => `a${n}: &a${n} [${new Array(9).fill(n === 0 ? 'x' : `*a${n - 1}`).join(',')}]`;
    const bomb = `apiVersion: v1\nkind: X\n${Array.from({ length: 9 }, (_, n) => level(n)).join('\n')}\n`;
    expect(errorLines(bomb)).toHaveLength(1);
    expect(read(`a: ${'['.repeat(5_000)}`).errors.length).toBeGreaterThan(0);
  });
});
