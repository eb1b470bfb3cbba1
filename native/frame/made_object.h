// made_object.h: a command that makes an object. Its name is reserved before, so that once the
// module has made it nothing can fail any more.
#pragma once

#include "frame/call.h"

namespace strongroom::frame {

class MadeObject {
 public:
  // may_inherit: attributes may come from an unwrap template or a copy's source, so the module
  // has the last word on CKA_TOKEN.
  MadeObject(Call& call, const Template& attributes, bool may_inherit) : call_(call) {
    token_object_ = is_token_object(attributes);
    ask_ = attributes.find(CKA_TOKEN) == nullptr && may_inherit;
  }

  static bool is_token_object(const Template& attributes) {
    const CK_ATTRIBUTE* token = attributes.find(CKA_TOKEN);
    return token != nullptr && token->pValue != nullptr && token->ulValueLen == sizeof(CK_BBOOL) &&
           *static_cast<const CK_BBOOL*>(token->pValue) == CK_TRUE;
  }

  // work(&native) calls the module; the response is the object's name.
  template <class F>
  CK_RV make(F&& work) {
    ObjectPlace* place;
    CK_RV rv = call_.application.reserve_object(call_.wait, &place);
    if (rv != CKR_OK) return rv;
    CK_OBJECT_HANDLE native = CK_INVALID_HANDLE;
    rv = work(&native);
    if (rv != CKR_OK) {
      call_.application.give_back(place);
      return rv;
    }
    call_.out.u64(call_.application.name_object(place, native, call_.session, token_object_, ask_));
    return CKR_OK;
  }

 private:
  Call& call_;
  bool token_object_;
  bool ask_;
};

}  // namespace strongroom::frame
