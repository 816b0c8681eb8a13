//! Interning of places while a snapshot is collected.

use std::collections::HashMap;

use gleak_snapshot::{Site, SiteId, SpawnId, SpawnPoint};

use crate::records::statics;

/// What has been interned so far. A task's place is found by its address first: a program has few
/// places and many tasks.
#[derive(Default)]
pub(super) struct Sites {
    sites: Vec<Site>,
    spawns: Vec<SpawnPoint>,
    by_address: HashMap<usize, SiteId>,
    by_value: HashMap<Site, SiteId>,
    spawn_ids: HashMap<(SiteId, &'static str), SpawnId>,
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

    pub(super) fn spawn(&mut self, site: statics::Site, entry: &'static str) -> SpawnId {
        let site = self.site(site);
        if let Some(known) = self.spawn_ids.get(&(site, entry)) {
            return *known;
        }
        let id = SpawnId(index(self.spawns.len()));
        self.spawns.push(SpawnPoint { site, entry: entry.to_owned() });
        self.spawn_ids.insert((site, entry), id);
        id
    }

    pub(super) fn finish(self) -> (Vec<Site>, Vec<SpawnPoint>) {
        (self.sites, self.spawns)
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("a program has fewer than four thousand million call sites")
}
