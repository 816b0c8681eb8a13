//! Interning of places while a snapshot is collected.

use std::collections::HashMap;

use gleak_snapshot::{Site, SiteId, SpawnId, SpawnPoint};

use crate::collect::hash::WordMap;
use crate::records::statics::{self, Entry};

/// What has been interned so far. A task's places are found by their addresses first: a program has
/// few places and many tasks.
#[derive(Default)]
pub(super) struct Sites {
    sites: Vec<Site>,
    spawns: Vec<SpawnPoint>,
    by_address: WordMap<usize, SiteId>,
    by_value: HashMap<Site, SiteId>,
    spawns_by_address: WordMap<(usize, usize), SpawnId>,
    spawns_by_value: HashMap<(SiteId, &'static str), SpawnId>,
}

impl Sites {
    pub(super) fn site(&mut self, site: statics::Site) -> SiteId {
        let address = std::ptr::from_ref(site) as usize;
        if let Some(known) = self.by_address.get(&address) {
            return *known;
        }
        let id = self.place(site.file(), site.line(), site.column());
        self.by_address.insert(address, id);
        id
    }

    pub(super) fn place(&mut self, file: &str, line: u32, column: u32) -> SiteId {
        let site = Site { file: file.to_owned(), line, column };
        if let Some(known) = self.by_value.get(&site) {
            return *known;
        }
        let id = SiteId(index(self.sites.len()));
        self.sites.push(site.clone());
        self.by_value.insert(site, id);
        id
    }

    pub(super) fn spawn(&mut self, site: statics::Site, entry: &'static Entry) -> SpawnId {
        let addresses = (std::ptr::from_ref(site) as usize, std::ptr::from_ref(entry) as usize);
        if let Some(known) = self.spawns_by_address.get(&addresses) {
            return *known;
        }
        let (site, name) = (self.site(site), entry.name());
        let spawns = &mut self.spawns;
        let id = *self.spawns_by_value.entry((site, name)).or_insert_with(|| {
            spawns.push(SpawnPoint { site, entry: name.to_owned() });
            SpawnId(index(spawns.len() - 1))
        });
        self.spawns_by_address.insert(addresses, id);
        id
    }

    pub(super) fn finish(self) -> (Vec<Site>, Vec<SpawnPoint>) {
        (self.sites, self.spawns)
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("a program has fewer than four thousand million call sites")
}
