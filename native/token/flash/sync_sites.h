// sync_sites.h: every place that makes something durable, by name. The crash test leaves each one
// out in turn and must then see a loss; the recording file system refuses a name that is not in the
// table.
#pragma once

#include <array>

namespace strongroom::flash::sync_site {

// Journal. A batch; the cut after a failed write; the end that opening found; a whole new
// generation.
inline constexpr const char* kJournalCommit = "journal commit";
inline constexpr const char* kJournalCutBack = "journal cut back";
inline constexpr const char* kJournalOpen = "journal open";
inline constexpr const char* kJournalCreate = "journal create";
// Flash directory: its own name; a new generation's name; the removal of an old generation.
inline constexpr const char* kFlashParent = "flash parent directory";
inline constexpr const char* kFlashDirectoryCreate = "flash directory create";
inline constexpr const char* kFlashDirectoryRemove = "flash directory remove";
// Root secret and anchor.
inline constexpr const char* kAnchorStore = "anchor store";
inline constexpr const char* kAnchorLoad = "anchor load";
inline constexpr const char* kAnchorCreate = "anchor create";
inline constexpr const char* kRootSecretCreate = "root secret create";
inline constexpr const char* kRootSecretDestroy = "root secret destroy";
// Root directory: its own name; the anchor's name; the root secret's name; what load found;
// zeroisation.
inline constexpr const char* kRootParent = "root parent directory";
inline constexpr const char* kRootDirectoryAnchor = "root directory anchor";
inline constexpr const char* kRootDirectorySecret = "root directory secret";
inline constexpr const char* kRootDirectoryLoad = "root directory load";
inline constexpr const char* kRootDirectoryDestroy = "root directory destroy";

inline constexpr std::array kAll = {
    kJournalCommit,       kJournalCutBack,       kJournalOpen,          kJournalCreate,
    kFlashParent,         kFlashDirectoryCreate, kFlashDirectoryRemove, kAnchorStore,
    kAnchorLoad,          kAnchorCreate,         kRootSecretCreate,     kRootSecretDestroy,
    kRootParent,          kRootDirectoryAnchor,  kRootDirectorySecret,  kRootDirectoryLoad,
    kRootDirectoryDestroy};

}  // namespace strongroom::flash::sync_site
