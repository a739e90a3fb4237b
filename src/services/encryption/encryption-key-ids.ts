/** The ids of all encryption keys that this process has or the registry names. */
import type { Store } from '../../store/store';
import type { Vault } from '../../vault/vault';

export async function encryptionKeyIds({
  store,
  vault,
}: {
  store: Pick<Store, 'encryptionKeys'>;
  vault: Pick<Vault, 'keyIds'>;
}): Promise<string[]> {
  const onRecord = await store.encryptionKeys.list();
  return [...new Set([...vault.keyIds, ...onRecord.map(({ id }) => id)])];
}
