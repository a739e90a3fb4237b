'use strict';
/** A rule for oxlint: a folder of src/ imports only from folders that come after it in the list of .oxlintrc.json. */
const path = require('node:path');

const SRC = path.resolve('src');
const folderOf = (file) => path.relative(SRC, file).split(path.sep)[0];

const folderOrder = {
  meta: { schema: [{ type: 'array', items: { type: 'string' } }] },
  create(context) {
    const [order] = context.options;
    const from = folderOf(context.filename);
    const check = ({ source }) => {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const to = folderOf(path.resolve(path.dirname(context.filename), source.value));
      if (to === from) return;
      if (!order.includes(from) || !order.includes(to)) {
        context.report({ node: source, message: `"${from}" or "${to}" is missing from the list of folders in .oxlintrc.json.` });
      } else if (order.indexOf(to) < order.indexOf(from)) {
        context.report({ node: source, message: `"${from}" must not import from "${to}".` });
      }
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};

module.exports = { meta: { name: 'house' }, rules: { 'folder-order': folderOrder } };
